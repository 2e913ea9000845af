// Postings of `pdoflow run` run commands as the user who runs or resumes them.
import { afterAll, beforeAll, expect, test } from "bun:test";

import { findResumable } from "../../../src/cli/run/resumed-run.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { readRoutes } from "../../../src/db/engine/routes.ts";
import { newestOfRuns } from "../../../src/db/read/runs.ts";
import { postJobs, refusal } from "../engine.ts";
import { type Roles, withRoles } from "./roles.ts";

let roles: Roles;
let eve: Db;
let boss: Db;

beforeAll(async () => {
  roles = await withRoles("boss", "eve");
  await roles.grant("eve", "poster");
  await roles.grant("eve", "pool", { posters: [] });
  await roles.grant("eve", "viewer");
  await roles.grant("boss", "operator");
  await roles.grant("boss", "poster");
  await roles.grant("boss", "pool");
  eve = await roles.as("eve");
  boss = await roles.as("boss");
});

afterAll(() => roles[Symbol.asyncDispose]());

const postRun = (db: Db, run: string) =>
  postJobs(db, 1, { entryPoint: "pdoflow/shell#command", run });

test("run --resume runs no commands of another poster", async () => {
  const planted = await postRun(eve, "8d2");
  expect(await newestOfRuns(eve)).toBe(planted);
  expect(await newestOfRuns(boss)).toBeNull();
  const resumable = (db: Db) => findResumable(db, planted, { host: "here" });
  expect(await resumable(eve)).toMatchObject([{ id: planted }]);
  expect(await refusal(resumable(boss))).toContain(
    `of a run of the role ${roles.nameOf("eve")}, and only that role can resume it`,
  );
});

test("R2: a run's pool runs nothing of another poster who has read its token", async () => {
  await postRun(boss, "7c1");
  const [token] = await eve.sql<{ run: string }[]>`
    select run from pdoflow.route where poster = ${roles.nameOf("boss")}`;
  await postRun(eve, token?.run ?? "");
  const served = async (db: Db) => (await readRoutes(db, { run: "7c1" })).map((r) => r.poster);
  expect(await served(boss)).toEqual([roles.nameOf("boss")]);
  expect(await served(eve)).toEqual([roles.nameOf("eve")]);
});
