// The results and output that are kept for a role with limits.
import { expect, test } from "bun:test";

import { withRoles } from "../../db/roles/roles.ts";
import { openCommands } from "../../cli/in-process.ts";

const source = `
export const give = (size, printed) => {
  console.log("é".repeat(printed));
  return "x".repeat(size);
};
export const fail = () => {
  console.error("z".repeat(9000));
  let error;
  for (const letter of "vwxyu") error = new Error(letter.repeat(8000), { cause: error });
  throw error;
};`;

test("a result beyond --max-result fails its job for good, output beyond --max-output is cut", async () => {
  await using roles = await withRoles("ada", "bob", "cluster");
  using cli = await openCommands(roles);
  await cli.write("f.ts", source);
  const grant = async (...words: string[]) => await cli.run("grant", "--role", ...words);
  const limits = ["--max-result", "1K", "--max-output", "101"];
  await grant(roles.nameOf("ada"), "as", "poster", ...limits);
  await grant(roles.nameOf("bob"), "as", "poster");
  await grant(roles.nameOf("cluster"), "as", "pool");
  expect((await cli.run("grant")).out).toContain("--max-result 1024 --max-output 101");
  const as = (role: string, input: string, ...args: string[]) =>
    cli.runWith({ input, env: { PGOPTIONS: `-c role=${roles.nameOf(role)}` } }, ...args);
  const given = "[1022, 1]\n[1023, 1]\n[10, 9000]\n";
  const post = ["post", "f.ts#give", "-", "--output", "all"];
  await as("ada", given, ...post);
  await as("bob", given, ...post);
  await as("ada", "[[]]", "post", "f.ts#fail", "-", "--max-attempts", "1");
  const pool = await as("cluster", "", "pool", "--once", "--max-workers", "1");
  expect(pool.err).toContain("5 done, 2 failed, 0 failed attempts to be retried");
  const rows = await roles.db.sql<
    { job: string; state: string; error: string | null; out: number }[]
  >`
    select posting_id || '/' || seq as job, state, error ->> 'name' as error,
           octet_length(stdout) as out
    from pdoflow.outcome where posting_id < 3 order by 1`;
  expect([...rows]).toEqual([
    { job: "1/0", state: "done", error: null, out: 3 },
    { job: "1/1", state: "failed", error: "ResultTooLarge", out: 3 },
    { job: "1/2", state: "done", error: null, out: 101 },
    { job: "2/0", state: "done", error: null, out: 3 },
    { job: "2/1", state: "done", error: null, out: 3 },
    { job: "2/2", state: "done", error: null, out: 18_001 },
  ]);
  const [cut] = await roles.db.sql<{ stdout: string }[]>`
    select stdout from pdoflow.outcome where posting_id = 1 and seq = 2`;
  expect(cut?.stdout).toMatch(/^é+\n… \(cut to 101 bytes\) …\né+\n$/);
  const why = await as("ada", "", "explain", "1/1");
  expect(why.out).toContain("the job returned 1025 bytes, and 1024 are kept for the role");
  const [failed] = await roles.db.sql<{ error: object; size: number }[]>`
    select error, octet_length(stderr) as size from pdoflow.outcome where posting_id = 3`;
  expect(failed).toEqual({ error: { name: "Error", message: "u".repeat(8000) }, size: 101 });
});

test("postings of one job that are claimed together keep the limits of when they were posted", async () => {
  await using roles = await withRoles("ada", "cluster");
  using cli = await openCommands(roles);
  await cli.write("f.ts", source);
  const ada = await roles.as("ada");
  await roles.grant("cluster", "pool");
  for (const maxResultBytes of [null, 100, 200]) {
    await roles.grant("ada", "poster", { maxResultBytes });
    await ada.sql`select pdoflow.post('f.ts#give', '[[150, 1]]')`;
  }
  const env = { PGOPTIONS: `-c role=${roles.nameOf("cluster")}` };
  await cli.runWith({ env }, "pool", "--once", "--max-workers", "1");
  const rows = await roles.db.sql<{ error: string | null }[]>`
    select error ->> 'name' as error from pdoflow.outcome order by posting_id`;
  expect(rows.map(({ error }) => error)).toEqual([null, "ResultTooLarge", null]);
});
