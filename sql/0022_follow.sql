-- What running jobs print, while somebody follows it (pdoflow logs -f). Costs nothing else.

create unlogged table pdoflow.followed (
  posting_id bigint primary key,
  until timestamptz not null
);
comment on table pdoflow.followed is
'One row: somebody looks at what jobs of this posting print, and says so again before until. Its
pools hear of it with their beat.';
alter table pdoflow.followed enable row level security;

create unlogged table pdoflow.live_output (
  posting_id bigint not null,
  seq integer not null,
  pool_id bigint not null,
  attempt integer not null,
  reported_at timestamptz not null default now(),
  stdout bytea not null,
  stdout_end bigint not null,
  stderr bytea not null,
  stderr_end bigint not null,
  primary key (posting_id, seq),
  constraint w_short check (length(stdout) <= 75000 and length(stderr) <= 75000)
);
comment on table pdoflow.live_output is
'One row: the last that a running job of a followed posting has printed, up to its so manieth byte.
Written with the beats of its pool, of bounded size, and deleted when it has ended.';
alter table pdoflow.live_output enable row level security;

-- Follows a posting for the next 15 seconds, and returns what its running jobs have printed, as far
-- as their pools have told. Of a posting that the caller may not see the output of: nothing.
create function pdoflow.follow(p_posting bigint)
returns table (index integer, attempt integer, stdout bytea, stdout_end bigint, stderr bytea,
               stderr_end bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  if not exists (select from pdoflow.posting where id = p_posting
                   and (pdoflow.sees_all() or route_id = any (pdoflow.own_routes()))) then
    return;
  end if;
  if not exists (select from pdoflow.followed where posting_id = p_posting and until > now()) then
    delete from pdoflow.followed where until < now() - interval '1 min';
    delete from pdoflow.live_output where reported_at < now() - interval '1 min';
    perform pg_notify('pdoflow.changed', p_posting::text);
  end if;
  insert into pdoflow.followed as f (posting_id, until)
  values (p_posting, now() + interval '15 s')
  on conflict (posting_id) do update set until = excluded.until;
  return query
    select coalesce(j.index, j.seq), o.attempt, o.stdout, o.stdout_end, o.stderr, o.stderr_end
    from pdoflow.live_output o
      join pdoflow.job j on j.posting_id = p_posting and j.seq = o.seq
    where o.posting_id = p_posting and o.reported_at > now() - interval '1 min' and not exists (
      select from pdoflow.outcome e
      where (e.posting_id, e.seq, e.attempt) = (p_posting, o.seq, o.attempt))
    order by o.seq;
end $$;

-- What running jobs of a pool have printed; what it told of others before is gone by that. In
-- base64, since bytes may be cut within a letter.
create function pdoflow.pool_show(
  p_pool bigint, p_postings bigint[], p_seqs integer[], p_attempts integer[],
  p_stdouts text[], p_stdout_ends bigint[], p_stderrs text[], p_stderr_ends bigint[]
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform pdoflow.require_pool(p_pool);
  delete from pdoflow.live_output o
  where o.pool_id = p_pool and not exists (
    select from unnest(p_postings, p_seqs) as b (posting_id, seq)
    where (b.posting_id, b.seq) = (o.posting_id, o.seq));
  insert into pdoflow.live_output (posting_id, seq, pool_id, attempt, stdout, stdout_end, stderr,
                                   stderr_end)
  select b.posting_id, b.seq, p_pool, b.attempt, decode(b.stdout, 'base64'), b.stdout_end,
         decode(b.stderr, 'base64'), b.stderr_end
  from unnest(p_postings, p_seqs, p_attempts, p_stdouts, p_stdout_ends, p_stderrs, p_stderr_ends)
    as b (posting_id, seq, attempt, stdout, stdout_end, stderr, stderr_end)
  -- Of what it has leased alone.
  where length(b.stdout) < 100000 and length(b.stderr) < 100000 and exists (
    select from pdoflow.lease l cross join lateral
      unnest(l.posting_ids, l.first_seqs, l.end_seqs, l.attempts)
        as r (posting_id, first_seq, end_seq, attempt)
    where l.pool_id = p_pool and l.active and r.posting_id = b.posting_id
      and r.attempt = b.attempt and r.first_seq <= b.seq and b.seq < r.end_seq)
  on conflict (posting_id, seq) do update
  set pool_id = excluded.pool_id, attempt = excluded.attempt, reported_at = excluded.reported_at,
      stdout = excluded.stdout, stdout_end = excluded.stdout_end, stderr = excluded.stderr,
      stderr_end = excluded.stderr_end;
end $$;

select pdoflow.apply_grants();
