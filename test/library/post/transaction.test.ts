import { expect, test } from "bun:test";

import { fromPostgres, PdoflowError, postWork } from "../../../src/index.ts";
import { migrations } from "../../../src/db/admin/migration-list.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { anything } from "../jobs.ts";
import { jobCount } from "../../db/each-job.ts";

// test/packages/transactions.slow.test.ts does it with the packages that people use.

const counts = async ({ sql }: TestDatabase) => {
  const [row] = await sql<{ postings: number; jobs: number }[]>`
    select (select count(*)::int from pdoflow.posting) as postings,
           ${sql.unsafe(jobCount)} as jobs`;
  return row;
};

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => String(error),
  );

function* faulty() {
  for (let i = 0; i < 12_000; i++) yield [i === 11_000 ? () => {} : i];
}

test("a client without a transaction is refused, and nothing is posted", async () => {
  await using database = await freshDatabase();
  const transaction = fromPostgres(database.sql);
  const posted = postWork(anything, [[1]], [], { transaction, db: database.url });
  expect(await refusal(posted)).toStartWith(
    "NoTransaction: Expected a client inside a transaction",
  );
  expect(await counts(database)).toEqual({ postings: 0, jobs: 0 });
});

test("a client that runs no statements is refused, and so is one that returns no rows", async () => {
  await using database = await freshDatabase();
  for (const transaction of [{}, null, 7, { query: async () => "rows" }]) {
    const options = { transaction, db: database.url };
    // @ts-expect-error: as in a plain JavaScript program
    expect(await refusal(postWork(anything, [[1]], [], options))).toContain("transaction");
  }
});

test("a caller that continues after a fault in the arguments has posted nothing", async () => {
  await using database = await freshDatabase();
  const { sql, url: db } = database;
  await sql.begin(async (tx) => {
    const transaction = fromPostgres(tx);
    const posted = postWork(anything, faulty(), [], { transaction, db });
    expect(await refusal(posted)).toStartWith("UnencodableJob: Job 11000");
    await postWork(anything, [[1], [2]], [], { transaction, db });
  });
  expect(await counts(database)).toEqual({ postings: 1, jobs: 2 });
});

test("a transaction continues if the newest span is full", async () => {
  await using database = await freshDatabase();
  const { sql, url: db } = database;
  await sql`update pdoflow.span set full_bytes = 0`;
  await sql.begin(async (tx) => {
    const posting = await postWork(anything, [[1]], [], { transaction: fromPostgres(tx), db });
    expect(posting.jobCount).toBe(1);
  });
  expect(await counts(database)).toEqual({ postings: 1, jobs: 1 });
});

test("one with an old snapshot is asked to begin again", async () => {
  await using database = await freshDatabase();
  const { sql, url: db } = database;
  const posted = sql.begin("isolation level repeatable read", async (tx) => {
    await tx`select 1 from pdoflow.span`;
    await sql`select setval('pdoflow.posting_id_seq', (select max(end_id) from pdoflow.span))`;
    await sql`select pdoflow.open_span()`;
    await postWork(anything, [[1]], [], { transaction: fromPostgres(tx), db });
  });
  expect(await refusal(posted)).toStartWith(
    "SnapshotTooOld: The snapshot of this transaction is too old",
  );
});

test("a read-only one is refused before anything is tried", async () => {
  await using database = await freshDatabase();
  const posted = database.sql.begin("read only", (tx) =>
    postWork(anything, [[1]], [], { transaction: fromPostgres(tx), db: database.url }),
  );
  expect(await refusal(posted)).toStartWith(
    "TransactionReadOnly: Expected a transaction that can write",
  );
});

test("the settings of a caller's session do not matter", async () => {
  await using database = await freshDatabase();
  const { sql, url: db } = database;
  await sql.begin("isolation level serializable", async (tx) => {
    await tx`select set_config(name, value, true)
      from (values ('search_path', ''), ('DateStyle', 'SQL, DMY'), ('bytea_output', 'escape'),
                   ('TimeZone', 'Australia/Lord_Howe'), ('standard_conforming_strings', 'off'),
                   ('default_tablespace', 'pg_default'), ('enable_indexscan', 'off'),
                   ('row_security', 'off')) as s (name, value)`;
    const at = new Date(Date.now() + 3_600_000);
    const options = { transaction: fromPostgres(tx), db, name: "night", runAt: at };
    expect((await postWork("a.ts#f", [[1], ["\\"]], [], options)).jobCount).toBe(2);
  });
  expect(await counts(database)).toEqual({ postings: 1, jobs: 2 });
});

test("a missing schema, and one that is too old, are reported before anything is tried", async () => {
  await using database = await freshDatabase();
  const { sql, url: db } = database;
  const post = () =>
    sql.begin((tx) => postWork(anything, [[1]], [], { transaction: fromPostgres(tx), db }));
  // As a later pdoflow would find it, which has one more migration.
  const known: { name: string; sql: string }[] = Array.isArray(migrations) ? migrations : [];
  const found = known.push({ name: "of a later release", sql: "" }) - 1;
  try {
    expect(await refusal(post())).toContain(
      `the database has schema "pdoflow" at version ${found}; this pdoflow needs version ` +
        `${found + 1}. Run: pdoflow migrate`,
    );
  } finally {
    known.pop();
  }
  expect(await refusal(post())).toBe("none");
  await sql`drop schema pdoflow cascade`;
  expect(await refusal(post())).toContain('the database has no schema "pdoflow"');
});

test("the handle of a posting is good as soon as its transaction is committed", async () => {
  await using database = await freshDatabase();
  const posting = await database.sql.begin(async (tx) => {
    const options = { transaction: fromPostgres(tx), db: database.url };
    const posted = await postWork(anything, [[1]], [], options);
    expect(await refusal(posted.status())).toStartWith("PostingNotFound");
    return posted;
  });
  expect(await posting.status()).toMatchObject({ state: "open", waiting: 1 });
});

test("a key that was posted before gives that posting, by itself and in a transaction", async () => {
  await using database = await freshDatabase();
  const options = { key: "night", db: database.url };
  const first = await postWork(anything, [[1]], [], options);
  const again = await postWork(anything, [[1], [2]], [], options);
  const within = await database.sql.begin((tx) =>
    postWork(anything, [[3]], [], { ...options, transaction: fromPostgres(tx) }),
  );
  expect([first, again, within].map(({ id, isNew, jobCount }) => [id, isNew, jobCount])).toEqual([
    [first.id, true, 1],
    [first.id, false, 1],
    [first.id, false, 1],
  ]);
  expect(await refusal(postWork("other.ts#f", [[1]], [], options))).toStartWith("KeyTaken");
});

test("what the server refuses in a caller's transaction is a PdoflowError", async () => {
  await using database = await freshDatabase();
  const { sql, url: db } = database;
  const post = (tx: Parameters<typeof fromPostgres>[0]) =>
    postWork(anything, [[1]], [], { transaction: fromPostgres(tx), db }).then(
      () => null,
      (error: unknown) => error,
    );
  const seen: unknown[] = [];
  const rolledBack = new Error("rolled back");
  const within = (options: string, before: string) =>
    sql
      .begin(options, async (tx) => {
        await tx.unsafe(before).catch(() => {});
        seen.push(await post(tx));
        throw rolledBack;
      })
      .catch((error: unknown) => expect(error).toBe(rolledBack));
  await within("", "select 1 / 0");
  await within("read only", "select 1");
  await sql`create role pdoflow_transaction_test`;
  try {
    await sql.unsafe("grant usage on schema pdoflow to pdoflow_transaction_test");
    await within("", "set local role pdoflow_transaction_test");
  } finally {
    await sql.unsafe("drop owned by pdoflow_transaction_test");
    await sql`drop role pdoflow_transaction_test`;
  }
  for (const error of seen) expect(error).toBeInstanceOf(PdoflowError);
  expect(seen.map(String)).toEqual([
    expect.stringContaining("TransactionAborted: Expected a transaction that can continue"),
    expect.stringContaining("TransactionReadOnly: Expected a transaction that can write"),
    expect.stringMatching(/^PostingDenied: permission denied for table migration: this role lacks/),
  ]);
  expect(await counts(database)).toEqual({ postings: 0, jobs: 0 });
});

test("errors are recognized in what a query builder wraps them in; conflicts are unchanged", async () => {
  await using database = await freshDatabase();
  const throwing = (error: Error) => ({
    query: async () => {
      throw error;
    },
  });
  const posted = (error: Error) =>
    refusal(postWork(anything, [[1]], [], { transaction: throwing(error), db: database.url }));
  const server = (code: string) => Object.assign(new Error("said"), { code });
  const wrapped = new Error("Failed query", { cause: server("25P02") });
  expect(await posted(wrapped)).toStartWith("TransactionAborted");
  expect(await posted(server("PF001"))).toBe("QueueRefused: said");
  expect(await posted(server("40001"))).toBe("Error: said");
});
