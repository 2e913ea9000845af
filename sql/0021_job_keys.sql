-- Postings that take the place of one that still waits.

create table pdoflow.job_key (
  poster text not null,
  poster_os text not null,
  key text not null,
  posting_id bigint not null
    references pdoflow.posting (id) on delete cascade deferrable initially deferred,
  primary key (poster, poster_os, key),
  constraint w_short check (
    length(poster) <= 63 and length(poster_os) <= 100 and length(key) <= 500)
);
comment on table pdoflow.job_key is
'One row: a key that a poster gave postings of which only the newest is to run, and that one.
  K2  Of the postings of a key at most the newest waits untouched: one that did when the next was
      posted was cancelled in the transaction that posted it. One of another project is not
      cancelled: posting is refused.';
-- Serves: deleting postings.
create index job_key_posting on pdoflow.job_key (posting_id);

-- Gives the job key of a new posting to it. The posting that had it is cancelled, if nothing of it
-- was ever claimed. To be called last in a transaction: claims of that posting wait for its end.
create function pdoflow.take_job_key(
  p_posting bigint, p_os_user text, p_project text, p_key text
) returns void language plpgsql set jit = off set enable_seqscan = off as $$
#variable_conflict use_column
declare
  v_before bigint;
  v_project text;
begin
  loop
    insert into pdoflow.job_key (poster, poster_os, key, posting_id)
    values (pdoflow.caller(), p_os_user, p_key, p_posting) on conflict do nothing;
    if found then return; end if;
    select posting_id into v_before from pdoflow.job_key
    where poster = pdoflow.caller() and poster_os = p_os_user and key = p_key for no key update;
    exit when found; -- else it was pruned between the two statements
  end loop;
  update pdoflow.job_key set posting_id = p_posting
  where poster = pdoflow.caller() and poster_os = p_os_user and key = p_key;
  -- In the order in which cancelling locks them; and a statement after the locks, which sees the
  -- lease of whoever held them before. Not one that has ended: prune may be deleting it, and waits
  -- for its job_key.
  perform from pdoflow.posting where id = v_before and ended_at is null for no key update;
  if not found then return; end if;
  perform from pdoflow.lane where posting_id = v_before order by priority for no key update;
  if not exists (select from pdoflow.lane where posting_id = v_before and state = 'closed')
     and not exists (select from pdoflow.lease where lane_posting_id = v_before) then
    select r.project into v_project
    from pdoflow.posting p join pdoflow.route r on r.id = p.route_id
    where p.id = v_before and p.ended_at is null;
    if v_project <> p_project then
      raise exception 'the job key "%" belongs to posting % of the project "%", which waits: a '
        'posting of the project "%" needs a job key of its own', p_key, v_before, v_project,
        p_project using errcode = 'PF002';
    end if;
    perform pdoflow.cancel_all(
      array[v_before], false, format('posting %s took its place, by their job key', p_posting));
  end if;
end $$;

select pdoflow.apply_grants();
