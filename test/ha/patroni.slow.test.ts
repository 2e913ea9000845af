// Real failovers: Patroni with etcd and HAProxy. The journal that the jobs write decides.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { migrate } from "../../src/db/admin/migrations.ts";
import { connect } from "../../src/db/connection/connect.ts";
import { configuredTarget } from "../../src/db/settings/target.ts";
import { close, type Posting, postWork } from "../../src/index.ts";
import { openCli } from "../binary/cli.ts";
import { brokenInvariants } from "../db/invariants.ts";
import { eventually, hasPatroni, openCluster } from "./cluster.ts";

const isHere = await hasPatroni();
if (!isHere) console.error("No tests with Patroni: they need root and apt-get, or its packages.");
const size = 20;

test.if(isHere)(
  "Patroni: after each kind of failover, what is not lost is true, and keys bring back the rest",
  async () => {
    await using cluster = await openCluster();
    const target = configuredTarget(cluster.url, {});
    if (target === null) throw new Error("no target");
    using cli = await openCli({ url: cluster.url });
    {
      const db = connect(target, { connections: 1 });
      await eventually("HAProxy", async () =>
        (await db.sql`select 1`.catch(() => [])).length > 0 ? true : null,
      );
      await migrate(db);
      await db.close();
    }
    const journal = join(cli.folder, "journal");
    await cli.write(
      "noted.ts",
      `import { appendFileSync } from "node:fs";
      export async function noted(key: string, i: number) {
        await Bun.sleep(10);
        appendFileSync(${JSON.stringify(journal)}, key + " " + i + "\\n");
      }`,
    );
    const flags = ["--max-workers", "2", "--heartbeat-timeout", "60s"];
    const pools = [cli.start("pool", ...flags), cli.start("pool", ...flags)];
    const keys: string[] = [];
    const post = (key: string) =>
      postWork(
        "noted.ts#noted",
        Array.from({ length: size }, (_, i) => [key, i]),
        [],
        {
          ...{ key, db: cluster.url, root: cli.folder },
        },
      );
    const postAll = async (name: string, count: number) => {
      const posted: Posting[] = [];
      for (let i = 0; i < count; i++) {
        const key = `${name}-${i}`;
        keys.push(key);
        // Not acknowledged while there is no primary: posted again below.
        const one = await post(key).catch(() => null);
        if (one) posted.push(one);
      }
      return posted;
    };
    /** Posts, has `failover` happen, posts on, and returns how many postings were lost. */
    const through = async (name: string, failover: () => Promise<void>) => {
      const before = await postAll(name, 60);
      const [after] = await Promise.all([postAll(`${name}-on`, 60), failover()]);
      const fates = await Promise.allSettled([...before, ...after].map((one) => one.wait()));
      for (const fate of fates) {
        if (fate.status === "fulfilled")
          expect(fate.value).toMatchObject({ done: size, failed: 0 });
        else expect(fate.reason).toMatchObject({ name: "PostingLost" });
      }
      const mine = keys.filter((key) => key.startsWith(`${name}-`));
      const again = await Promise.all(
        mine.map((key) => eventually(key, () => post(key).catch(() => null))),
      );
      for (const one of again) expect(await one.wait()).toMatchObject({ done: size, failed: 0 });
      console.error(`${name}: ${before.length + after.length} acknowledged`);
      return fates.filter(({ status }) => status === "rejected").length;
    };

    expect(await through("switchover", () => cluster.switchover())).toBe(0);
    await cluster.setSynchronous(true);
    expect(await through("sync", () => cluster.killPrimary())).toBe(0);
    await cluster.revive();
    await cluster.setSynchronous(false);
    const lost = await through("async", () => cluster.killPrimary());
    console.error(`asynchronous: ${lost} postings lost`);
    await cluster.revive();
    await cluster.cutReplication();
    expect(await through("forced", () => cluster.killPrimary())).toBeGreaterThan(20);

    const seen = new Set(readFileSync(journal, "utf8").trim().split("\n"));
    const missing = keys.flatMap((key) =>
      Array.from({ length: size }, (_, i) => `${key} ${i}`).filter((line) => !seen.has(line)),
    );
    expect(missing).toEqual([]);
    const db = connect(target, { connections: 1 });
    expect(await brokenInvariants(db)).toEqual([]);
    const up = await db.sql`select from pdoflow.pool where state = 'up'
      and heartbeat_at > clock_timestamp() - interval '30 s'`;
    expect(up.length).toBe(pools.length);
    await db.close();
    for (const pool of pools) pool.kill("SIGTERM");
    expect(await Promise.all(pools.map(({ exited }) => exited))).toEqual([0, 0]);
    await close();
  },
  600_000,
);
