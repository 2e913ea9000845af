import { expect, test } from "bun:test";

import { poolResources } from "../../../src/cli/input/pool-resources.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { registerPool } from "../../../src/db/engine/pools.ts";
import type { Provides } from "../../../src/domain/capabilities.ts";
import { machineCpus } from "../../../src/pool/machine/detect.ts";
import { neighbourWarnings } from "../../../src/pool/session/neighbours.ts";
import { queueOfFile } from "../../db/engine.ts";

const freshQueue = queueOfFile();

const poolOf = (db: Db, slots: number, provides: Provides, host = "here") =>
  registerPool(db, {
    ...{ host, pid: 77, version: "test", osUser: "ada", slots, provides, posters: null },
    heartbeatTimeoutMs: 3_600_000,
  });

test("a pool that takes all cpus is warned of others on its machine that run jobs on them", async () => {
  await using db = await freshQueue();
  await poolOf(db, 8, { cpus: 8 }, "elsewhere");
  const id = await poolOf(db, 8, { cpus: 8 });
  const warnings = (cpus: number | null) =>
    neighbourWarnings(db, id, { provides: { cpus: 8 }, machineCpus: cpus });
  expect(await warnings(8)).toEqual([]);
  await poolOf(db, 4, { cpus: 8 });
  expect(await warnings(8)).toEqual([
    "warning: this pool and pool 3 (pid 77) count 12 cpus of this machine, which has 8. " +
      "Give each pool its own, such as --resource cpus=4 --max-workers 4",
  ]);
  expect(await warnings(16)).toEqual([]); // two parts of a machine, as of a batch system
  expect(await warnings(null)).toEqual([]);
  await poolOf(db, 16, { cpus: 4 });
  expect(await warnings(16)).toEqual([]);
  expect((await warnings(8)).join()).toContain("pool 3 (pid 77) and 1 more count 16 cpus");
  await db.sql`update pdoflow.pool set state = 'draining' where id <> ${id}`;
  expect(await warnings(8)).toEqual([]);
});

test("a pool whose cpus or workers are given does not take all cpus", async () => {
  const machine = { env: {}, cores: 3, root: "/nowhere" };
  const of = async (resource: string[], maxWorkers?: number) =>
    (await poolResources({ resource, pinCpus: false, maxWorkers }, machine, () => {})).machineCpus;
  const none = "gpu=none";
  expect(machineCpus(machine)).toBe(3);
  expect([await of([none]), await of([none], 3), await of([none, "cpus=3"])]).toEqual([
    ...[3, null, null],
  ]);
});
