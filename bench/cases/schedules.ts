import { migrate } from "../../src/db/admin/migrations.ts";
import { connect, type Db } from "../../src/db/connection/connect.ts";
import { registerPool, sendHeartbeat } from "../../src/db/engine/pools.ts";
import { fireDue, nextTimes } from "../../src/db/engine/starts.ts";
import type { Case } from "../case.ts";
import { ContenderFailed } from "../contender.ts";
import { clock, percentile } from "../measure.ts";
import type { BenchServer } from "../server.ts";

/** The fires that are kept of a schedule. */
const firesKept = 400;
/** Pools that fire at the same time. */
const pools = 2;
const beats = 50;

export const schedules: Case = {
  name: "schedules",
  what: "heartbeats with 10,000 schedules, whose history is full, and all of them due at once",
  target: "they cost a heartbeat less than 5 ms; a heartbeat takes less than 1 s while all fire",
  async run(bench) {
    const count = bench.size(10_000, 500);
    const rounds = bench.rounds(5, 2);
    const [none, many] = [await make(bench.server, 0), await make(bench.server, count)];
    bench.say(`schedules: ${count} schedules, ${count * firesKept} fires`);
    const asked = { none: [] as number[], many: [] as number[] };
    const [fireSeconds, slowest]: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round++) {
      asked.none.push(await medianAsk(none.db));
      asked.many.push(await medianAsk(many.db));
      const { tookMs, beatMs } = await fireAll(many.db, count);
      fireSeconds.push(tookMs / 1000);
      slowest.push(beatMs);
      bench.say(`schedules: round ${round} of ${rounds}`);
    }
    for (const database of [none, many]) await bench.server.drop(database);
    return {
      sizes: { schedules: count, fires: count * firesKept, rounds },
      series: [
        { name: "no schedules", unit: "ms", values: asked.none },
        { name: "all fire", unit: "s", values: fireSeconds },
      ],
      checks: [
        {
          ...{ name: "schedules in a heartbeat", unit: "ms", bound: { below: 5 } },
          values: asked.many,
        },
        {
          ...{ name: "slowest heartbeat while all fire", unit: "ms", bound: { below: 1_000 } },
          values: slowest,
        },
      ],
      notes: [
        "a heartbeat asks what is due and when the next is: the median of 50",
        `${pools} pools fire, each on one connection; a third one sends heartbeats meanwhile`,
      ],
    };
  },
};

/** A database with schedules, each with as many fires as are kept. */
async function make(server: BenchServer, count: number) {
  const database = await server.database(`schedules_${count}`);
  const { db } = database;
  await migrate(db);
  await db.sql`
    select count(pdoflow.schedule('s' || n, 'every 1d', 'jobs.ts#noop', '[]', '{}',
                                  '{"overlap": "allow"}'))
    from generate_series(1, ${count}::integer) as n`;
  await db.sql`
    insert into pdoflow.fire (schedule_id, nominal_at, outcome)
    select id, created_at - n * interval '1 d', 'skipped'
    from pdoflow.schedule, generate_series(1, ${firesKept}::integer) as n`;
  await server.settle(database);
  return database;
}

/** What a heartbeat, and a pool that waits, ask about schedules: the median, in ms. */
async function medianAsk(db: Db): Promise<number> {
  const took: number[] = [];
  for (let beat = 0; beat <= beats; beat++) {
    const ms = await clock(async () => {
      if (await fireDue(db)) throw new ContenderFailed("expected no schedule that is due");
      await nextTimes(db, []);
    });
    if (beat > 0) took.push(ms);
  }
  return percentile(took, 0.5);
}

/** Makes all schedules due, and fires them; beatMs is the slowest heartbeat meanwhile. */
async function fireAll(db: Db, count: number): Promise<{ tookMs: number; beatMs: number }> {
  await db.sql`
    update pdoflow.schedule
    set created_at = now() - interval '1 d', nominal_at = now(), fires_at = now()`;
  await db.sql`vacuum analyze`;
  const beating = await registerPool(db, {
    ...{ host: "bench", pid: 1, version: "bench", osUser: "bench", slots: 1, provides: {} },
    ...{ heartbeatTimeoutMs: 3_600_000, posters: null, project: null },
  });
  const fires = new AbortController();
  let beatMs = 0;
  const beat = async () => {
    while (!fires.signal.aborted) {
      beatMs = Math.max(beatMs, await clock(() => sendHeartbeat(db, beating, [], true)));
      await Bun.sleep(20);
    }
  };
  const beaten = beat();
  let fired = 0;
  const tookMs = await clock(async () => {
    await Promise.all(
      Array.from({ length: pools }, async () => {
        await using own = connect(db.target, { connections: 1 });
        while (await fireDue(own)) fired++;
      }),
    );
  });
  fires.abort();
  await beaten;
  if (fired !== count) throw new ContenderFailed(`expected ${count} fires, found ${fired}`);
  return { tookMs, beatMs };
}
