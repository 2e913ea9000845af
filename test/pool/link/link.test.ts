import { expect, test } from "bun:test";
import net from "node:net";

import { configuredTarget } from "../../../src/db/settings/target.ts";
import { registerPool } from "../../../src/db/engine/pools.ts";
import type { Target } from "../../../src/db/settings/target.ts";
import { Link } from "../../../src/pool/link/link.ts";
import { Heartbeat } from "../../../src/pool/session/heartbeat.ts";
import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";

const targetOf = (url: string): Target => {
  const target = configuredTarget(url, {});
  if (!target) throw new Error("expected a URL of a database");
  return target;
};

test("a server that is slow for all new connections gets the time that it needs", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  const link = new Link(targetOf(proxy.url), { deadlineMs: 1_000, isPatient: true });
  const ask = () => link.ask((to) => to.sql`select 1`);
  while (link.deadlineMs > 1_000) await ask(); // it is known to be quick
  // A log-in and the first statements take six round trips or more: over the usual wait.
  proxy.slow(150);
  proxy.cut();
  const failures: unknown[] = [];
  while (failures.length < 6) {
    try {
      await ask();
      break;
    } catch (error) {
      failures.push(error);
    }
  }
  expect(String(failures.at(-1))).toContain("did not answer within");
  expect(failures.length).toBeLessThan(6);
  await ask();
  expect(link.deadlineMs).toBeWithin(1_000, 8_001);
  await link.close();
});

test("a doubted connection is kept if it answers, and given up if it does not", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  const link = new Link(targetOf(proxy.url), { deadlineMs: 60_000 });
  await link.ask((to) => to.sql`select 1`);
  const running = link.ask((to) => to.sql`select pg_backend_pid() as pid, pg_sleep(0.3)`);
  await link.doubt(20_000);
  const [row] = await running;
  const [same] = await link.ask((to) => to.sql`select pg_backend_pid() as pid`);
  expect(same?.["pid"]).toBe(row?.["pid"]);
  expect(link.losses).toBe(0);
  proxy.freeze();
  const lost = link.ask((to) => to.sql`select 1`).catch(String);
  await link.doubt(200);
  proxy.thaw();
  expect(await lost).toContain("CONNECTION_");
  expect(link.losses).toBe(1);
  await link.ask((to) => to.sql`select 1`);
  await link.close();
});

test("slow answers do not make heartbeats rare", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  const heartbeatTimeoutMs = 4_000;
  const poolId = await registerPool(db.db, {
    ...{ host: "here", pid: 1, version: "0", osUser: "me", slots: 1, heartbeatTimeoutMs },
    ...{ provides: {}, posters: null },
  });
  const link = new Link(targetOf(proxy.url), { deadlineMs: 2_000, isPatient: true });
  await link.ask((to) => to.sql`select 1`);
  proxy.slow(200); // 0.4 s an answer; a heartbeat and the housekeeping are ten of these
  const fourth = Promise.withResolvers<void>();
  let beats = 0;
  const fail = (what: string) => () => fourth.reject(new Error(what));
  const heartbeat = new Heartbeat(link, poolId, heartbeatTimeoutMs, {
    ...{ running: () => [], isWaiting: () => false, output: () => [], report: async () => {} },
    ...{ pollEdges: async () => {}, notify: async () => {}, pollPrune: async () => {} },
    ...{ onBeat: () => void (++beats === 4 && fourth.resolve()), onRescue: () => {} },
    ...{ onLost: fail("lost"), onSilence: fail("silent"), onError: fourth.reject },
  });
  await heartbeat.start();
  await fourth.promise;
  await heartbeat.stop();
  await link.close();
});

test("the errors of a server that accepts connections and never answers say what happened", async () => {
  const silent = net.createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const { port } = Object(silent.address());
  const linkTo = (tls: string, answerMs: number) => {
    const target = targetOf(`postgres://me@127.0.0.1:${port}/queue?sslmode=${tls}`);
    return new Link({ ...target, answerMs }, { deadlineMs: 60_000 });
  };
  const errorOf = (link: Link) => link.ask((to) => to.sql`select 1`).catch(String);
  // A request to encrypt, and a log-in.
  expect(await errorOf(linkTo("prefer", 200))).toMatch(/ (made|answered) within 200 ms$/);
  expect(await errorOf(linkTo("disable", 200))).toContain("was not answered within 200 ms");
  const link = linkTo("disable", 60_000);
  const error = errorOf(link);
  link.reset();
  expect(await error).toContain("the connection was given up before it was made");
  silent.close();
});
