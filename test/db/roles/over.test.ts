// Who reads results as the arguments of jobs over them (J7).
import { expect, test } from "bun:test";

import { readArguments } from "../../../src/db/engine/job-arguments.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { settle } from "../../../src/db/engine/settle.ts";
import { overPosting } from "../../../src/domain/sweep.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { jobsOf, newPool, postJobs, recordEach, refusal, take } from "../engine.ts";
import { withRoles } from "./roles.ts";

const postOver = (db: Db, up: number) => {
  const posting = { entryPoint: "next.ts#main", priority: 0, osUser: "ada" };
  return insertPosting(db, posting, overPosting(up, 1, "[2]"), "the test");
};

test("a pool reads the results that its jobs take, and no others; strangers read none", async () => {
  await using roles = await withRoles("poster", "stranger", "pool");
  await roles.grant("poster", "poster");
  await roles.grant("stranger", "poster");
  await roles.grant("pool", "pool");
  const [poster, stranger, runner] = [
    await roles.as("poster"),
    await roles.as("stranger"),
    await roles.as("pool"),
  ];
  const up = await postJobs(poster, 1);
  const { id } = await postOver(poster, up);
  const pool = await newPool(runner);
  await settle(runner, [up]);
  await recordEach(runner, pool, jobsOf(await take(runner, pool)), [{ result: '"secret"' }]);
  const ranges = await take(runner, pool);
  expect(await readArguments(runner, ranges)).toEqual([[{ count: 1, args: '["secret",2]' }]]);
  const lines = async ({ sql }: Db, posting: number) =>
    (
      await sql<{ args: string | null }[]>`
      select pdoflow.over_lines(${posting}, 0, 1) as args`
    )[0]?.args;
  expect(await lines(poster, id)).toBe('["secret",2]');
  expect(await lines(stranger, id)).toBeNull();
  expect(await lines(runner, up)).toBeNull();
  expect(await refusal(postOver(stranger, up))).toContain(`there is no posting ${up}`);
});
