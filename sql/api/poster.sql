-- Posting, from SQL, the command line and the library (docs/sql.md): post in one call; or
-- begin_posting, then add_jobs any number of times, then end_posting, in one transaction. These
-- functions run as the owner, and the posting belongs to the caller.

-- Posts jobs in one statement, given as a text like that of add_jobs. Returns nulls if a span must
-- be opened first and p_opens is false.
create function pdoflow.post_batch(
  p_entry_point text, p_options jsonb, p_text text, p_indexes integer[], p_priorities integer[],
  p_sizes integer[], p_opens boolean,
  out posting_id bigint, out job_count integer, out is_new boolean, out entry_point text,
  out token bigint
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v pdoflow.posting := pdoflow.posting_of(p_entry_point, p_options);
  v_head record := pdoflow.start_posting(p_entry_point, p_options, p_opens);
begin
  posting_id := v_head.posting_id;
  job_count := v_head.job_count;
  is_new := v_head.is_new;
  entry_point := v_head.entry_point;
  token := coalesce(v_head.token, v.token);
  if not is_new or posting_id is null then return; end if;
  v.id := posting_id;
  v.job_count := pdoflow.write_jobs(posting_id, 0, p_text, p_indexes,
                                    (pdoflow.limits_of_caller()).max_argument_bytes);
  perform pdoflow.write_posting(v, p_options, p_indexes is not null, p_priorities, p_sizes);
  job_count := v.job_count;
  entry_point := p_entry_point;
end $$;

-- The number of a posting, unless it is the earlier one of another entry point with its key.
create function pdoflow.require_entry_point(
  p_posting bigint, p_found text, p_wanted text, p_options jsonb
) returns bigint language plpgsql as $$
begin
  if p_found <> p_wanted then
    raise exception 'the key "%" belongs to posting % of %: a posting of % needs a key of its own',
      p_options ->> 'key', p_posting, p_found, p_wanted using errcode = 'PF002';
  end if;
  return p_posting;
end $$;

-- Writes the jobs that a text describes (J6, J7); returns how many.
create function pdoflow.write_described(
  p_posting bigint, p_first integer, p_text text, p_max_bytes integer,
  p_poster text default pdoflow.caller()
) returns integer language plpgsql as $$
begin
  return case when pdoflow.over_in(p_text) is null
              then pdoflow.write_sweep(p_posting, p_first, p_text, p_max_bytes)
              else pdoflow.write_over(p_posting, p_first, p_text, p_max_bytes, p_poster) end;
end $$;

-- Posts all jobs of a sweep (sql/engine/sweep.sql), over a posting (sql/engine/over.sql), or
-- expanded from one (sql/engine/expand.sql); else as post_batch.
create function pdoflow.post_sweep(
  p_entry_point text, p_options jsonb, p_sweep text, p_opens boolean,
  out posting_id bigint, out job_count integer, out is_new boolean, out entry_point text,
  out token bigint
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v pdoflow.posting := pdoflow.posting_of(p_entry_point, p_options);
begin
  if p_sweep::jsonb ? 'expand' then
    select e.* into posting_id, job_count, is_new, entry_point, token
    from pdoflow.post_expanded(p_entry_point, p_options, p_sweep::jsonb, p_opens) e;
    return;
  end if;
  select s.* into posting_id, job_count, is_new, entry_point, token
  from pdoflow.start_posting(p_entry_point, p_options, p_opens) s;
  if not is_new or posting_id is null then return; end if;
  token := v.token;
  v.id := posting_id;
  v.job_count := pdoflow.write_described(posting_id, 0, p_sweep, (
    select max_argument_bytes from pdoflow.limits_of_caller()));
  perform pdoflow.write_posting(v, p_options, false, null, null, pdoflow.over_in(p_sweep));
  job_count := v.job_count;
  entry_point := p_entry_point;
end $$;

-- Posts one job for each element of p_args, which is a list of arguments or an object that is the
-- one argument; or p_args is a sweep, or names a posting ({"over": 41} or
-- {"expand": 41}). Posts all of them or none, and returns the number of the posting.
create function pdoflow.post(p_entry_point text, p_args jsonb, p_options jsonb default '{}')
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong record;
  v_priorities integer[];
  v_lanes record;
  v_jobs record;
  v_posted record;
begin
  if p_args ?| array['axes', 'over', 'expand'] and jsonb_typeof(p_args) = 'object' then
    if jsonb_typeof(p_options -> 'priority') = 'array' then
      raise exception 'expected one priority for all jobs, found a list'
        using errcode = 'PF002';
    end if;
    select * into v_posted
    from pdoflow.post_sweep(p_entry_point, p_options, p_args::text, true);
    return pdoflow.require_entry_point(v_posted.posting_id, v_posted.entry_point, p_entry_point,
                                       p_options);
  elsif jsonb_typeof(p_args) is distinct from 'array' then
    raise exception 'expected a list of jobs, each a list of arguments or an object, found %',
      coalesce(jsonb_typeof(p_args), 'null') using errcode = 'PF002';
  end if;
  select position - 1 as index, jsonb_typeof(value) as kind into v_wrong
  from jsonb_array_elements(p_args) with ordinality as a (value, position)
  where jsonb_typeof(value) not in ('array', 'object') limit 1;
  if found then
    raise exception 'job %: expected a list of arguments or an object, found a %; one job with '
      'the arguments 1 and 2 is [[1, 2]]', v_wrong.index, v_wrong.kind using errcode = 'PF002';
  end if;
  v_priorities := pdoflow.priorities_of(p_options, jsonb_array_length(p_args));
  select array_agg(priority order by priority desc) as priorities,
         array_agg(size order by priority desc) as sizes into v_lanes
  from (select priority, count(*)::integer as size
        from unnest(v_priorities) as p (priority) group by priority) l;
  select string_agg(value::text, e'\n' order by v_priorities[position] desc, position) as text,
         array_agg(position::integer - 1 order by v_priorities[position] desc, position) as indexes
  into v_jobs from jsonb_array_elements(p_args) with ordinality as a (value, position);
  select * into v_posted from pdoflow.post_batch(
    p_entry_point, p_options, coalesce(v_jobs.text, ''),
    case when cardinality(v_lanes.priorities) > 1 then v_jobs.indexes end,
    v_lanes.priorities, v_lanes.sizes, true);
  return pdoflow.require_entry_point(v_posted.posting_id, v_posted.entry_point, p_entry_point,
                                     p_options);
end $$;

-- Begins a posting; continue it with add_jobs and end_posting in the same transaction. If its key
-- was posted before, is_new is false: then do not add any jobs.
create function pdoflow.begin_posting(
  p_entry_point text, p_options jsonb default '{}', p_opens boolean default true,
  out posting_id bigint, out job_count integer, out is_new boolean, out entry_point text,
  out token bigint
) language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  v_limits record;
  v pdoflow.posting := pdoflow.posting_of(p_entry_point, p_options);
begin
  select * into v_limits from pdoflow.limits_of_caller();
  if v_limits.max_open is not null then perform pdoflow.require_room(v_limits.max_open); end if;
  select s.* into posting_id, job_count, is_new, entry_point, token
  from pdoflow.start_posting(p_entry_point, p_options, p_opens) s;
  if not is_new or posting_id is null then return; end if;
  token := v.token;
  insert into pdoflow.draft (posting_id, entry_point, options, token, max_argument_bytes)
  values (posting_id, p_entry_point, p_options, token, v_limits.max_argument_bytes);
end $$;

-- The draft of this transaction (D1), locked.
create function pdoflow.draft_of(p_posting bigint) returns pdoflow.draft language plpgsql as $$
declare
  v_draft pdoflow.draft;
begin
  select * into v_draft from pdoflow.draft where posting_id = p_posting for update;
  if not found then
    raise exception 'posting % was not begun in this transaction', p_posting
      using errcode = 'PF002';
  end if;
  return v_draft;
end $$;

-- Adds jobs: their arguments as one text (separator), and the index of each if they are sorted by
-- priority (J2).
create function pdoflow.add_jobs(
  p_posting bigint, p_text text, p_indexes integer[]
) returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_draft pdoflow.draft := pdoflow.draft_of(p_posting);
  v_jobs integer;
begin
  if v_draft.job_count > 0 and v_draft.is_sorted <> (p_indexes is not null) then
    raise exception 'expected an index for each job or for none' using errcode = 'PF002';
  end if;
  v_jobs := pdoflow.write_jobs(p_posting, v_draft.job_count, p_text, p_indexes,
                               v_draft.max_argument_bytes);
  update pdoflow.draft set job_count = job_count + v_jobs, is_sorted = p_indexes is not null
  where posting_id = p_posting;
  return v_jobs;
end $$;

-- Adds jobs, given as for post, to a posting that begin_posting began; returns their number.
create function pdoflow.add_jobs(p_posting bigint, p_args jsonb[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong record;
begin
  select position - 1 as index, coalesce(jsonb_typeof(value), 'null') as kind into v_wrong
  from unnest(p_args) with ordinality as a (value, position)
  where coalesce(jsonb_typeof(value), 'null') not in ('array', 'object') limit 1;
  if found then
    raise exception 'job % of these: expected a list of arguments or an object, found a %',
      v_wrong.index, v_wrong.kind using errcode = 'PF002';
  end if;
  if coalesce(cardinality(p_args), 0) = 0 then return 0; end if;
  return pdoflow.add_jobs(p_posting, (
    select string_agg(value::text, e'\n' order by position)
    from unnest(p_args) with ordinality as a (value, position)), null);
end $$;

-- Adds the jobs of a sweep to a posting that begin_posting began; returns their number.
create function pdoflow.add_sweep(p_posting bigint, p_sweep text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_draft pdoflow.draft := pdoflow.draft_of(p_posting);
  v_jobs integer;
begin
  if v_draft.is_sorted then
    raise exception 'expected an index for each job or for none' using errcode = 'PF002';
  end if;
  v_jobs := pdoflow.write_described(p_posting, v_draft.job_count, p_sweep,
                                    v_draft.max_argument_bytes);
  update pdoflow.draft set job_count = job_count + v_jobs where posting_id = p_posting;
  return v_jobs;
end $$;

-- The posting whose results are the arguments of a posting (J7).
create function pdoflow.over_block(p_posting bigint) returns bigint
language plpgsql stable set jit = off set enable_seqscan = off as $$
begin
  return (select (sweep ->> 'over')::bigint from pdoflow.job
          where posting_id = p_posting and first_seq = 0 and sweep is not null);
end $$;

-- Signs a posting that begin_posting began.
create function pdoflow.sign_posting(
  p_posting bigint, p_statement text, p_key_id text, p_signature text, p_blocks text
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_draft pdoflow.draft := pdoflow.draft_of(p_posting);
begin
  if pdoflow.over_block(p_posting) is not null then
    raise exception 'expected arguments to sign, found the results of posting %: results are not '
      'signed', pdoflow.over_block(p_posting) using errcode = 'PF002';
  end if;
  if p_statement is null or p_key_id is null or p_signature is null or p_blocks is null then
    raise exception 'expected a statement, a key, a signature and blocks, found null'
      using errcode = 'PF002';
  end if;
  if length(p_statement) > 100000 or length(p_key_id) > 200 or length(p_signature) > 1000 then
    raise exception 'expected a statement of up to 100000 characters, a key of up to 200 and a '
      'signature of up to 1000, found %, % and %', length(p_statement), length(p_key_id),
      length(p_signature) using errcode = 'PF002';
  end if;
  -- A line consists of the end of a block, a space, a digest and a line feed. A block has at least
  -- one job. The list of a sweep is the sweep.
  if octet_length(p_blocks) > greatest(76::bigint * v_draft.job_count, case when exists (
       select from pdoflow.job where posting_id = p_posting and sweep is not null)
       then 65536 end) then
    raise exception 'expected up to % blocks, one for each job, found a list of % bytes',
      v_draft.job_count, octet_length(p_blocks) using errcode = 'PF002';
  end if;
  insert into pdoflow.signature (posting_id, statement, key_id, signature, blocks)
  values (p_posting, p_statement, p_key_id, p_signature, p_blocks);
end $$;

-- Ends a posting that begin_posting began, and returns its number of jobs.
create function pdoflow.end_posting(
  p_posting bigint, p_priorities integer[] default null, p_sizes integer[] default null
) returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_draft pdoflow.draft := pdoflow.draft_of(p_posting);
  v pdoflow.posting := pdoflow.posting_of(v_draft.entry_point, v_draft.options);
begin
  v.id := p_posting;
  v.token := v_draft.token;
  v.job_count := v_draft.job_count;
  perform pdoflow.write_posting(v, v_draft.options, v_draft.is_sorted, p_priorities, p_sizes,
                                pdoflow.over_block(p_posting));
  delete from pdoflow.draft where posting_id = p_posting;
  return v.job_count;
end $$;

-- Makes room for the next posting (X1), in a separate transaction.
create function pdoflow.next_span() returns void language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  for v_try in 1..200 loop
    exit when pdoflow.room() > 0;
    perform pdoflow.make_room(v_try);
  end loop;
end $$;
