-- Numbers for postings, and the spans that the numbers belong to.
--
-- Opening a span takes a lock until the transaction ends, and a transaction that posts can stay
-- open for hours. Therefore pools open spans early, in separate transactions. A poster only opens a
-- span if no pool does, and waits at most a few seconds for the transaction of another poster.

create function pdoflow.span_lock(p_first bigint) returns bigint language sql stable as
$$ select hashtextextended('pdoflow.span ' || p_first, 0) $$;

create function pdoflow.is_full(p_span pdoflow.span) returns boolean language sql volatile as $$
  select greatest(pg_table_size(p_span.jobs), pg_table_size(p_span.outcomes)) >= p_span.full_bytes
$$;

-- The number of unused posting numbers in spans. The span in use does not count if it is half full.
create function pdoflow.room() returns bigint language plpgsql as $$
declare
  v_last bigint := (select last_value from pdoflow.posting_id_seq);
  v_spans pdoflow.span[] := array(
    select s from pdoflow.span s where end_id > v_last order by first_id);
begin
  if cardinality(v_spans) = 0 then return 0; end if;
  if 2 * greatest(pg_table_size(v_spans[1].jobs), pg_table_size(v_spans[1].outcomes))
     >= v_spans[1].full_bytes then
    v_spans := v_spans[2:];
  end if;
  return coalesce((
    select sum(end_id - greatest(first_id, v_last + 1)) from unnest(v_spans)), 0);
end $$;

-- Returns the number of a new posting, in a span that stays until the transaction ends (X2). Null
-- if no span has room: call make_room, and then this again.
create function pdoflow.take_posting_id() returns bigint language plpgsql as $$
declare
  v_spans pdoflow.span[];
  v_span pdoflow.span;
  v_from bigint;
  v_id bigint;
begin
  -- Read before the number is drawn, so that a number drawn before a span existed never counts as
  -- one of that span.
  v_spans := array(
    select s from pdoflow.span s
    where end_id > (select last_value from pdoflow.posting_id_seq) order by first_id limit 2);
  if cardinality(v_spans) = 0 then return null; end if;
  v_span := v_spans[1];
  v_from := v_span.first_id;
  -- TOAST counts too, but reading its size takes as long as the rest of this function, so it is
  -- only read sometimes.
  if cardinality(v_spans) = 2 and (
       greatest(pg_relation_size(v_span.jobs), pg_relation_size(v_span.outcomes))
         >= v_span.full_bytes
       or random() < 0.1 and pdoflow.is_full(v_span)) then
    v_from := v_spans[2].first_id;
  end if;
  -- One by one, not with setval, which could give the same numbers to concurrent transactions.
  loop
    v_id := nextval('pdoflow.posting_id_seq');
    exit when v_id >= v_from;
  end loop;
  if v_id >= v_span.end_id then v_span := v_spans[2]; end if;
  if v_id between v_span.first_id and v_span.end_id - 1 then
    perform pg_advisory_xact_lock_shared(pdoflow.span_lock(v_span.first_id));
    -- A statement after the lock: the span may have been dropped before the lock was granted.
    if exists (select from pdoflow.span where first_id = v_span.first_id) then return v_id; end if;
  end if;
  return null;
end $$;

-- Whether a pool is alive that can run all postings (O8). Such a pool calls pool_keep_room.
create function pdoflow.is_kept() returns boolean language sql stable as $$
  select exists (
    select from pdoflow.pool where state in ('up', 'draining') and serves_all
      and heartbeat_at > clock_timestamp() - interval '30 s')
$$;

-- Opens a span if there is room for fewer than p_ids postings. Blocks no posting, claim or
-- recording, but a second caller waits until the transaction of the first ends. If a span is nearly
-- empty when its numbers are used up, the next one is wider; if it is full before that, the next
-- one is narrower. So numbers stay short. Security definer: posters do not own the tables.
create function pdoflow.open_span(p_ids bigint default 10000) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_newest pdoflow.span;
  v_span pdoflow.span;
  v_last bigint;
  v_first bigint;
  v_width bigint := 10000;
  v_used bigint;
  v_bytes bigint;
  v_full bigint := 256 * 1024 * 1024;
  v_schema text;
  v_jobs text;
  v_outcomes text;
begin
  perform pg_advisory_xact_lock(pdoflow.span_lock(0));
  if pdoflow.room() >= p_ids then return; end if;
  select * into v_newest from pdoflow.span order by first_id desc limit 1;
  v_first := coalesce((select max(id) + 1 from pdoflow.posting), 1);
  select last_value into v_last from pdoflow.posting_id_seq;
  if v_newest.first_id is not null then
    -- The span in use shows how large postings are.
    select * into v_span from pdoflow.span where first_id <= v_last
    order by first_id desc limit 1;
    v_used := least(v_last - v_span.first_id + 1, v_span.end_id - v_span.first_id);
    v_bytes := greatest(pg_table_size(v_span.jobs), pg_table_size(v_span.outcomes));
    if 8 * v_bytes::numeric * (v_span.end_id - v_span.first_id) < v_span.full_bytes * v_used then
      v_width := least(8 * (v_newest.end_id - v_newest.first_id), 1000000);
    end if;
    v_first := greatest(v_newest.end_id, v_last + 1, v_first);
    -- A terabyte is divided into some hundred spans, not thousands, because each span that is read
    -- needs a few locks.
    v_full := greatest(v_full, (
      select sum(pg_table_size(jobs) + pg_table_size(outcomes)) / 64 from pdoflow.span));
  end if;
  v_schema := (
    select relnamespace::regnamespace from pg_class where oid = 'pdoflow.span'::regclass);
  v_jobs := format('%s.job_%s', v_schema, v_first);
  v_outcomes := format('%s.outcome_run_%s', v_schema, v_first);
  -- Not "create table with partition of", which locks job and outcome against all their users.
  execute format('create table %s (like pdoflow.job including all)', v_jobs);
  execute format('create table %s (like pdoflow.outcome_run including all)', v_outcomes);
  v_width := greatest(v_width, p_ids);
  execute format('alter table pdoflow.job attach partition %s for values from (%s) to (%s)',
                 v_jobs, v_first, v_first + v_width);
  execute format('alter table pdoflow.outcome_run attach partition %s for values from (%s) to (%s)',
                 v_outcomes, v_first, v_first + v_width);
  -- Until the end of this transaction. A poster may see the row of the span a moment before its
  -- session learns of the partitions; with this lock, take_posting_id waits for that moment.
  perform pg_advisory_xact_lock(pdoflow.span_lock(v_first));
  insert into pdoflow.span (first_id, end_id, jobs, outcomes, full_bytes)
  values (v_first, v_first + v_width, v_jobs::regclass, v_outcomes::regclass, v_full);
end $$;

-- Makes room for a poster that found none. Call it again if there is still none; p_try counts the
-- calls. For the first six seconds it waits for a pool.
create function pdoflow.make_room(p_try integer) returns void language plpgsql as $$
begin
  if (p_try > 60 or not pdoflow.is_kept())
     and pg_try_advisory_xact_lock(pdoflow.span_lock(0)) then
    begin
      perform pdoflow.open_span();
    exception when duplicate_table or unique_violation then
      raise exception 'another transaction has opened a span that this one does not see: try again'
        using errcode = 'serialization_failure';
    end;
  elsif current_setting('transaction_isolation') <> 'read committed' or p_try >= 150 then
    raise exception 'found no room for a posting, because another transaction that makes room has '
      'not ended: try again' using errcode = 'serialization_failure';
  else
    perform pg_sleep(0.1);
  end if;
end $$;

select pdoflow.open_span();
