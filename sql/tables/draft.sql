create table pdoflow.draft (
  posting_id bigint primary key,
  entry_point text not null,
  options jsonb not null,
  token bigint not null,
  job_count integer not null default 0,
  is_sorted boolean not null default false,
  max_argument_bytes integer,
  constraint w_short check (
    length(entry_point) <= 2000 and octet_length(options::text) <= 10000)
);
comment on table pdoflow.draft is
'One row: a posting that its transaction has begun but not ended.
  D1  No draft is ever committed, so a transaction can only see its own drafts.';

create function pdoflow.refuse_draft() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from pdoflow.draft where posting_id = new.posting_id) then
    raise exception 'posting % was begun and not ended: call end_posting, or roll back',
      new.posting_id using errcode = 'PF002';
  end if;
  return null;
end $$;
create constraint trigger d1_ended after insert on pdoflow.draft
deferrable initially deferred for each row execute function pdoflow.refuse_draft();
