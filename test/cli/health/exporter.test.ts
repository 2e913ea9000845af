import { join } from "node:path";
import { expect, test } from "bun:test";

import { DesiredPages } from "../../../src/cli/health/desired-pages.ts";
import { ExporterPages } from "../../../src/cli/health/exporter-pages.ts";
import { QueueCollector } from "../../../src/cli/health/queue-collector.ts";
import { queueMetrics } from "../../../src/cli/health/queue-metrics.ts";
import { connect } from "../../../src/db/connection/connect.ts";
import { configuredTarget } from "../../../src/db/settings/target.ts";
import { metricText } from "../../../src/domain/metric-text.ts";
import { freshDatabase } from "../../database.ts";
import { hold, jobsOf, newPool, postJobs, record, take } from "../../db/engine.ts";
import { openProxy } from "../../proxy.ts";
import { openCommands } from "../in-process.ts";
import { ask, untilStatus, valuesOf } from "./health-port.ts";

test("the exporter shows jobs, postings, pools, slots and schedules by state", async () => {
  await using database = await freshDatabase();
  const { db } = database;
  const pool = await newPool(db);
  const first = await postJobs(db, 10);
  const jobs = jobsOf(await take(db, pool, { cap: 4 }));
  await record(db, pool, jobs.slice(0, 1));
  await record(db, pool, jobs.slice(1, 2), {
    state: "retried",
    error: '{"name":"E"}',
    delayMs: 1e7,
  });
  await hold(db, await postJobs(db, 20));
  await postJobs(db, 40, { after: [{ posting: first, kind: "after" }] });
  await postJobs(db, 80, { needs: [["gpu", "has"]] });
  await db.sql`update pdoflow.posting set posted_at = now() - interval '1 h' where id = ${first}`;
  await db.sql`
    insert into pdoflow.schedule (name, poster, timing, entry_point, jobs, job_count, nominal_at, fires_at)
    values ('late "one"', 'ada', '0 3 * * *', 'a.ts#f', '[[]]', 1, now() - interval '5 min',
            now() - interval '5 min'),
           ('later', 'ada', '0 3 * * *', 'a.ts#f', '[[]]', 1, now() + interval '1 h',
            now() + interval '1 h')`;
  using cli = await openCommands(database);
  const socket = join(cli.folder, "exporter");
  const exporter = cli.start("exporter", "--listen", socket, "--for", "", "--for", "gpu");
  await untilStatus(socket, "/readyz", 200);
  expect((await ask(socket, "/livez")).status).toBe(200);
  expect((await ask(socket, "/desired?slots=9")).text).toBe('{"slots":88,"pools":10}\n');
  const values = valuesOf((await ask(socket, "/metrics")).text);
  const states = (name: string) =>
    Object.fromEntries(
      [...values].flatMap(([key, value]) => {
        const [, of, label = ""] = /^(\w+)\{\w+="(.*)"\}$/.exec(key) ?? [];
        return of === name ? [[label, value]] : [];
      }),
    );
  expect(states("pdoflow_queue_jobs")).toEqual({
    ...{ waiting: 86, running: 2, retrying: 1, paused: 20, upstream: 40, blocked: 0 },
  });
  expect(states("pdoflow_queue_postings")).toEqual({
    ...{ open: 2, paused: 1, errored_out: 0, cancelled: 0, waiting: 1, blocked: 0 },
  });
  expect(states("pdoflow_queue_pools")).toEqual({ up: 1, draining: 0, silent: 0 });
  expect(states("pdoflow_queue_slots")).toEqual({ busy: 0, idle: 1 });
  expect(states("pdoflow_queue_desired_slots")).toEqual({ "": 8, gpu: 88 });
  const late = states("pdoflow_schedule_lag_seconds");
  expect(Object.keys(late)).toEqual(['late \\"one\\"', "later"]);
  expect(late['late \\"one\\"']).toBeGreaterThanOrEqual(300);
  expect(values.get("pdoflow_queue_oldest_wait_seconds")).toBeGreaterThanOrEqual(3_600);
  exporter.kill("SIGTERM");
  expect(await exporter.exited).toBe(0);
});

test("old values stay for a while if the database does not answer, and failures are counted", async () => {
  await using database = await freshDatabase();
  await using proxy = await openProxy(database.url);
  const target = configuredTarget(proxy.url, {});
  if (!target) throw new Error("expected a target");
  const lines: string[] = [];
  await using collector = new QueueCollector(target, {
    ...{ provides: new Map([["any", null]]), freshMs: 0, staleMs: 3_000, answerMs: 2_000 },
    log: (line) => lines.push(line),
  });
  await postJobs(database.db, 3);
  const figures = async () => {
    const { figures, desired, collectErrors } = await collector.read();
    return { waiting: figures?.jobs.waiting, any: desired?.["any"], collectErrors };
  };
  expect(await figures()).toEqual({ waiting: 3, any: 3, collectErrors: 0 });
  proxy.freeze();
  expect(await figures()).toEqual({ waiting: 3, any: 3, collectErrors: 1 });
  expect(await figures()).toEqual({ waiting: undefined, any: undefined, collectErrors: 2 });
  proxy.thaw();
  await postJobs(database.db, 2);
  expect(await figures()).toEqual({ waiting: 5, any: 5, collectErrors: 2 });
  expect(lines).toEqual([expect.stringContaining("cannot read"), expect.stringContaining("again")]);
}, 30_000);

test("a scrape does not wait for a slow collection, and gets the figures of the last one", async () => {
  await using database = await freshDatabase();
  const { sql, target } = database.db;
  const lines: string[] = [];
  await using collector = new QueueCollector(target, {
    ...{ provides: new Map([["any", null]]), freshMs: 0, waitMs: 300 },
    log: (line) => lines.push(line),
  });
  const waiting = async () => (await collector.read()).figures?.jobs.waiting;
  /** The figures of two scrapes during a slow collection, and those after it. */
  const duringSlow = () =>
    sql.begin(async (held) => {
      await held`lock table pdoflow.posting in access exclusive mode`;
      return [await waiting(), await waiting()];
    });
  expect(await duringSlow()).toEqual([undefined, undefined]);
  expect(collector.trouble).toBe("the first collection takes long");
  expect(await waiting()).toBe(0);
  expect(collector.trouble).toBeNull();
  await postJobs(database.db, 3);
  expect(await duringSlow()).toEqual([0, 0]);
  expect(await waiting()).toBe(3);
  expect(lines).toEqual(
    Array.from({ length: 2 }, () => expect.stringContaining("takes longer than 0.3 seconds")),
  );
});

test("while the database is away, /readyz says so without names of the server", async () => {
  await using database = await freshDatabase();
  const proxy = await openProxy(database.url);
  const target = configuredTarget(proxy.url, {});
  if (!target) throw new Error("expected a target");
  const quiet = { provides: new Map(), log: () => {}, freshMs: 0 };
  await using collector = new QueueCollector(target, quiet);
  await using desired = new DesiredPages(target, quiet.log);
  using pages = new ExporterPages(collector, desired);
  const readyz = async () => {
    const { status, body } = await pages.answer({
      ...{ path: "/readyz", query: new URLSearchParams(), headers: new Map() },
    });
    return [status, body];
  };
  expect(await readyz()).toEqual([200, "ok\n"]);
  await proxy[Symbol.asyncDispose]();
  const reason = "cannot read the figures: the database does not answer";
  const page = [503, `${reason}. The log has the reason\n`];
  expect([await readyz(), await readyz()]).toEqual([page, page]);
});

test("however many scrapers ask at once, the figures are read once", async () => {
  await using database = await freshDatabase();
  const statements: string[] = [];
  const target = { ...database.db.target, onStatement: (text: string) => statements.push(text) };
  await using collector = new QueueCollector(target, { provides: new Map(), log: () => {} });
  await Promise.all(Array.from({ length: 30 }, () => collector.read()));
  await collector.read();
  expect(statements.filter((text) => text.includes("oldestWaitSeconds"))).toHaveLength(1);
});

test("each fire of a schedule is counted once, and none from before the exporter", async () => {
  await using database = await freshDatabase();
  const { sql, target } = database.db;
  await using collector = new QueueCollector(target, {
    ...{ provides: new Map(), log: () => {}, freshMs: 0 },
  });
  const fire = (outcome: string, minute: number) => sql`
    insert into pdoflow.fire (schedule_id, nominal_at, outcome)
    select id, now() + ${minute} * interval '1 min', ${outcome} from pdoflow.schedule`;
  await sql`insert into pdoflow.schedule (name, poster, timing, entry_point, jobs, job_count)
            values ('a', 'ada', '0 3 * * *', 'a.ts#f', '[[]]', 1)`;
  await fire("posted", 1);
  await collector.read();
  await fire("posted", 2);
  await fire("skipped", 3);
  await collector.read();
  const { fires } = await collector.read();
  expect(fires).toEqual({ posted: 1, skipped: 1, missed: 0, refused: 0 });
});

test("a hundred schedules have a time series each, and all others together one", async () => {
  await using database = await freshDatabase();
  await using db = connect(database.db.target, { connections: 1 });
  await db.sql`
    insert into pdoflow.schedule (name, poster, timing, entry_point, jobs, job_count, nominal_at, fires_at)
    select 's' || n, 'ada', '0 3 * * *', 'a.ts#f', '[[]]', 1, now() - n * interval '1 min',
           now() - n * interval '1 min' from generate_series(1, 150) n`;
  await using collector = new QueueCollector(db.target, { provides: new Map(), log: () => {} });
  const text = metricText(queueMetrics(await collector.read()), "text");
  const lags = [...valuesOf(text)].filter(([key]) => key.startsWith("pdoflow_schedule_lag"));
  expect(lags).toHaveLength(101);
  expect(lags[0]?.[0]).toContain('"s150"');
  expect(Math.floor((lags.at(-1)?.[1] ?? 0) / 60)).toBe(50);
});
