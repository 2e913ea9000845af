-- Rows are appended. A lane is updated or deleted once in its life, a lease updated once; postings
-- and pools are updated rarely. Each table comment describes a row and the invariants of the table
-- (P1, L1 and so on); code and tests cite their numbers. A constraint w_short limits texts that one
-- role writes and others read. Functions check the sizes of arguments and outcomes.

create type pdoflow.posting_state as enum
  ('open', 'paused', 'errored_out', 'cancelled', 'finished');
create type pdoflow.lane_state as enum ('open', 'paused', 'closed');
create type pdoflow.outcome_state as enum ('done', 'failed', 'retried', 'cancelled');
create type pdoflow.edge_kind as enum ('after', 'any', 'failed', 'start', 'each', 'over');
