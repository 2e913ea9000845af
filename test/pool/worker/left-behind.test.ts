// A job's changes to its process are gone for the next job of the same worker.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { eachJob } from "../../db/each-job.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

const source = `
import { chdir, umask } from "node:process";
import { mkdirSync, rmSync } from "node:fs";
process.env.FROM_IMPORT = "stays";
process.on("exit", function fromImport() {});
const start = Bun.nanoseconds();
const trueNow = performance.now.bind(performance);
const busy = (ms: number) => { const until = trueNow() + ms; while (trueNow() < until); };

export const acts: Record<string, () => unknown> = {
  folder: () => process.chdir("/"),
  folderByImport: () => chdir("deep"),
  removedFolder: () => { mkdirSync("gone"); process.chdir("gone"); rmSync("../gone", { recursive: true }); },
  environment: () => { process.env.ADDED = "1"; process.env.HOME = "/elsewhere"; delete process.env.PATH; },
  bunEnvironment: () => { Bun.env.ADDED = "1"; },
  newEnvironment: () => { process.env = { ONLY: "this" }; },
  timeZone: () => { process.env.TZ = "Asia/Tokyo"; new Date().getHours(); },
  mask: () => void umask(0o777),
  listeners: () => { process.on("SIGTERM", () => {}); process.once("uncaughtException", () => {}); },
  noListeners: () => process.removeAllListeners(),
  json: () => { JSON.stringify = () => "0"; JSON.parse = () => ["false"]; },
  noJson: () => { globalThis.JSON = undefined as never; },
  clock: () => { performance.now = () => 1e9; Date.now = () => 0; },
  noClock: () => { globalThis.performance = { now: () => 0 } as never; },
  promise: () => { globalThis.Promise = class {} as never; },
  then: () => { Promise.prototype.then = () => { throw new Error("then"); }; },
  send: () => { process.send = () => true; },
  exit: () => { process.exit = (() => {}) as never; },
  console: () => { console.log = () => {}; globalThis.console = {} as never; },
  stdout: () => { process.stdout.write = () => true; },
  lists: () => { Array.prototype.push = () => 0; Array.prototype[Symbol.iterator] = () => { throw new Error("lists"); }; },
  prototype: () => { Object.prototype.toJSON = () => "all the same"; },
  objects: () => { Object.assign = () => ({}); Object.entries = () => []; Reflect.apply = () => 0; },
  atomics: () => { Atomics.load = () => -1; Atomics.compareExchange = () => 7; },
  timers: () => { globalThis.setImmediate = () => 0 as never; globalThis.setTimeout = () => 0 as never; },
  float: () => { globalThis.Float64Array = class {} as never; },
};
export const act = (name: string) => void acts[name]();
export const throwing = (name: string) => { acts[name](); throw new Error(name); };
export async function look(name: string) {
  console.log("printed by", name);
  busy(20);
  await new Promise((resolve) => setTimeout(resolve, 1));
  const mask = process.umask();
  const { ADDED, HOME, ONLY, FROM_IMPORT } = process.env;
  const listeners = process.eventNames().map((event) => [event, process.listenerCount(event)]);
  return {
    pid: process.pid, cwd: process.cwd(), mask, HOME, FROM_IMPORT, listeners, list: [1.5, "x"],
    env: [ADDED ?? null, ONLY ?? null, typeof process.env.PATH, new Date(2020, 0).getTime()],
    ...{ json: JSON.stringify({ a: [1] }), kinds: [typeof Promise.all, typeof console.log] },
  };
}
`;

let db: TestDatabase;

let cli: Commands;

beforeAll(async () => {
  db = await freshDatabase();
  cli = await openCommands(db);
  await cli.write("leaves.ts", source);
  mkdirSync(join(cli.folder, "deep"));
});

afterAll(async () => {
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

test("no job finds changes of another job in the folder, environment, listeners or globals", async () => {
  const names = [...source.matchAll(/^ {2}(\w+): \(\) =>/gm)].map(([, name = ""]) => name);
  expect(names.length).toBeGreaterThan(20);
  const post = (name: string, args: readonly unknown[], priority: number) =>
    db.sql`select pdoflow.post(${`leaves.ts#${name}`}, ${JSON.stringify([args])}::text::jsonb,
      ${db.sql.json({ maxAttempts: 1, priority, keepsOutput: "all" })})`;
  let priority = 1_000;
  await post("look", ["nothing"], priority--);
  for (const name of names) {
    await post("act", [name], priority--);
    await post("look", [name], priority--);
    await post("throwing", [name], priority--);
    await post("look", [`${name}, and an error`], priority--);
  }
  const pool = await cli.run("pool", "--max-workers", "1", "--once");
  expect(pool.err).toContain(`${3 * names.length + 1} done, ${names.length} failed`);
  const looks = await db.sql<{ name: string; result: unknown; out: string; ms: number }[]>`
    select job.args ->> 0 as name, o.result, o.stdout as out, o.duration_ms as ms
    from pdoflow.outcome o join pdoflow.posting p on p.id = o.posting_id
      join ${db.sql.unsafe(eachJob)} on job.posting_id = p.id
    where p.entry_point = 'leaves.ts#look' order by p.id`;
  const [first] = looks;
  expect(first?.result).toMatchObject({ cwd: cli.folder, FROM_IMPORT: "stays" });
  for (const { name, result, out, ms } of looks) {
    expect({ name, result, out }).toEqual({
      ...{ name, result: first?.result, out: `printed by ${name}\n` },
    });
    expect([name, ms >= 20 && ms < 20_000]).toEqual([name, true]);
  }
  const errors = await db.sql<{ error: string }[]>`
    select error ->> 'message' as error from pdoflow.outcome where state = 'failed' order by posting_id`;
  expect(errors.map(({ error }) => error)).toEqual(names);
}, 60_000);
