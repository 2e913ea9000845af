/** For `from` clauses: a row for each job of all blocks, as a text for `sql.unsafe`. */
export const eachJob = String.raw`(
  select b.posting_id, b.first_seq + position::integer - 1 as seq, b.indexes[position] as index,
         nullif(line, '')::json as args
  from pdoflow.job b
    cross join lateral string_to_table(
      pdoflow.lines_of(b.args, b.sweep, b.first_seq, b.end_seq, b.first_seq, b.end_seq), e'\n')
      with ordinality as l (line, position)) job`;

/** The number of jobs of all postings, as a text for `sql.unsafe`. */
export const jobCount = `(
  select coalesce(sum(end_seq - first_seq), 0)::integer from pdoflow.job)`;
