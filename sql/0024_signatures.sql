-- Signed postings (docs/signing.md). The database keeps what was signed and checks nothing of it: a
-- pool with --trust does, for it is the database that it does not trust.

create table pdoflow.signature (
  posting_id bigint primary key
    references pdoflow.posting (id) on delete cascade deferrable initially deferred,
  statement text not null,
  key_id text not null,
  signature text not null,
  blocks text not null,
  constraint w_short check (
    length(statement) <= 100000 and length(key_id) <= 200 and length(signature) <= 1000
    and octet_length(blocks) <= 1000000000)
);
comment on table pdoflow.signature is
'One row: the signature of a posting.
  S4  Written in the transaction that posts, and by none after it. statement is the very text that
      was signed, by the key key_id, in base64 in signature. It holds the digest of blocks, which
      has a line for each block of jobs: the seq before which it ends, and the digest of its jobs.';

-- Signs what begin_posting began.
create function pdoflow.sign_posting(
  p_posting bigint, p_statement text, p_key_id text, p_signature text, p_blocks text
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_draft pdoflow.draft := pdoflow.draft_of(p_posting);
begin
  if p_statement is null or p_key_id is null or p_signature is null or p_blocks is null then
    raise exception 'expected a statement, a key, a signature and blocks, found null'
      using errcode = 'PF002';
  end if;
  if length(p_statement) > 100000 or length(p_key_id) > 200 or length(p_signature) > 1000 then
    raise exception 'expected a statement of up to 100000 characters, a key of up to 200 and a '
      'signature of up to 1000, found %, % and %', length(p_statement), length(p_key_id),
      length(p_signature) using errcode = 'PF002';
  end if;
  -- A line has the end of a block, a space, a digest and the end of the line. A block has a job.
  if octet_length(p_blocks) > 76::bigint * v_draft.job_count then
    raise exception 'expected up to % blocks, one for each job, found a list of % bytes',
      v_draft.job_count, octet_length(p_blocks) using errcode = 'PF002';
  end if;
  insert into pdoflow.signature (posting_id, statement, key_id, signature, blocks)
  values (p_posting, p_statement, p_key_id, p_signature, p_blocks);
end $$;

-- The signatures of postings that the caller's pools may run, with those options that pools do not
-- read otherwise.
create function pdoflow.pool_signatures(p_postings bigint[]) returns table (
  posting_id bigint, statement text, key_id text, signature text, blocks text,
  max_running integer, rate_count integer, rate_ms integer
) language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  return query
    select s.posting_id, s.statement, s.key_id, s.signature, s.blocks,
           p.max_running, p.rate_count, p.rate_ms
    from pdoflow.signature s join pdoflow.posting p on p.id = s.posting_id
    where s.posting_id = any (p_postings)
      and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes()));
end $$;

-- The arguments of a range of jobs, and their indices, as they are stored now: of a posting that
-- the caller's pools may run.
create function pdoflow.pool_block(
  p_posting bigint, p_first integer, p_end integer, p_separator text
) returns table (args text, indices text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
begin
  return query
    select string_agg(j.args::text, p_separator order by j.seq),
           string_agg(coalesce(j.index, j.seq)::text, ',' order by j.seq)
    from pdoflow.job j
    where j.posting_id = p_posting and j.seq >= p_first and j.seq < p_end
      and exists (select from pdoflow.posting p where p.id = p_posting
                  and (pdoflow.runs_all() or p.route_id = any (pdoflow.run_routes())));
end $$;
