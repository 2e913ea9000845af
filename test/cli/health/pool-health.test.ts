import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";

import { metricFormats } from "../../../src/domain/metric-text.ts";
import { watchdogMs } from "../../../src/cli/health/service-reports.ts";
import { said, until } from "../../binary/cli.ts";
import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { openCommands } from "../in-process.ts";
import { ask, untilStatus, valuesOf } from "./health-port.ts";
import { listenForReports } from "./notify-listener.ts";

const jobs = `import { existsSync } from "node:fs";
export const double = (i: number) => i * 2;
export function fails() { throw new Error("secret"); }
export async function waits(file: string) { while (!existsSync(file)) await Bun.sleep(10); }`;

test("a pool shows on its port that it is ready, and counts its jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  const socket = join(cli.folder, "health");
  await cli.run("post", "jobs.ts#double", "--each", "1-2000");
  await cli.run("post", "jobs.ts#fails", "--no-args", "--max-attempts", "1", "--name", "secret");
  const pool = cli.start("pool", "--max-workers", "2", "--health", socket);
  expect(await untilStatus(socket, "/readyz", 200)).toEqual({ status: 200, text: "ok\n" });
  expect(await ask(socket, "/livez")).toEqual({ status: 200, text: "ok\n" });
  expect(await ask(socket, "/startupz")).toEqual({ status: 200, text: "ok\n" });
  expect((await ask(socket, "/")).status).toBe(404);
  await cli.run("wait", "1", "2");
  const page = await ask(socket, "/metrics");
  expect(page.status).toBe(200);
  expect(page.text).not.toMatch(/secret|jobs\.ts|pdoflow_test|localhost/);
  const values = valuesOf(page.text);
  expect(values.get('pdoflow_pool_attempts_total{state="done"}')).toBe(2_000);
  expect(values.get('pdoflow_pool_attempts_total{state="failed"}')).toBe(1);
  expect(values.get("pdoflow_pool_slots")).toBe(2);
  expect(page.text).not.toContain("entry_point");
  expect(values.get("pdoflow_pool_ready")).toBe(1);
  expect(values.get('pdoflow_pool_connected{link="work"}')).toBe(1);
  expect(values.get('pdoflow_pool_claims_total{result="jobs"}')).toBeGreaterThan(0);
  expect(values.get("pdoflow_pool_record_duration_seconds_count")).toBeGreaterThan(0);
  const beat = values.get("pdoflow_pool_last_heartbeat_timestamp_seconds") ?? 0;
  expect(Math.abs(beat - Date.now() / 1_000)).toBeLessThan(15);
  const reply = await fetch("http://localhost/metrics", {
    unix: socket,
    headers: { accept: "application/openmetrics-text" },
  });
  expect(reply.headers.get("content-type")).toBe(metricFormats.openMetrics);
  expect(await reply.text()).toEndWith("# EOF\n");
  const waits = await until("the waits of all first attempts", async () => {
    const { text } = await ask(socket, "/metrics");
    const now = valuesOf(text);
    return now.get("pdoflow_pool_attempt_wait_seconds_count") === 2_001 && now;
  });
  expect(waits.get('pdoflow_pool_attempt_wait_seconds_bucket{le="60"}')).toBe(2_001);
  expect(waits.get("pdoflow_pool_attempt_wait_seconds_sum")).toBeGreaterThan(0);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect(existsSync(socket)).toBe(false);
});

test("--metrics-entry-points counts the first ones each, and the others together", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  await cli.run("post", "jobs.ts#double", "--each", "1-2000");
  await cli.run("post", "jobs.ts#fails", "--no-args", "--max-attempts", "1");
  const pushed = openGateway();
  const words = ["--metrics-entry-points", "1", "--push", pushed.url];
  await cli.run("pool", "--once", "--max-workers", "1", ...words);
  const [request] = await pushed.requests();
  const values = valuesOf(request?.text ?? "");
  const name = "pdoflow_pool_entry_point_attempts_total";
  expect(values.get(`${name}{entry_point="jobs.ts#double",state="done"}`)).toBe(2_000);
  expect(values.get(`${name}{entry_point="other",state="failed"}`)).toBe(1);
  const seconds = "pdoflow_pool_entry_point_attempt_seconds_total";
  expect(values.get(`${seconds}{entry_point="jobs.ts#double"}`)).toBeGreaterThan(0);
});

test("--push pushes counters when a pool ends, and no gauge, which would stay", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  await cli.run("post", "jobs.ts#double", "--each", "1-20");
  const gateway = openGateway();
  const { port } = new URL(gateway.url);
  const url = `http://ann:pa%20ss@127.0.0.1:${port}/metrics/job/nightly`;
  const once = ["pool", "--once", "--max-workers", "1", "--push"];
  expect((await cli.run(...once, url)).err).not.toContain("pushed");
  const [request] = await gateway.requests();
  expect(request).toMatchObject({ method: "PUT", path: "/metrics/job/nightly" });
  expect(request?.authorization).toBe(`Basic ${btoa("ann:pa ss")}`);
  const values = valuesOf(request?.text ?? "");
  expect(values.get('pdoflow_pool_attempts_total{state="done"}')).toBe(20);
  expect(values.get("pdoflow_pool_attempt_wait_seconds_count")).toBe(20);
  expect(
    [...values.keys()].filter((key) => /connected|heartbeat|_ready|busy_slots/.test(key)),
  ).toEqual([]);
});

test("a Pushgateway that refuses, or is away, fails no pool, and its password is not logged", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const gateway = openGateway(503);
  const { port } = new URL(gateway.url);
  const once = ["pool", "--once", "--max-workers", "1", "--push"];
  const refused = await cli.run(...once, `http://ann:secret@127.0.0.1:${port}/base/`);
  expect(refused.code).toBe(0);
  expect(refused.err).toMatch(/not pushed: .*\/base\/metrics\/job\/pdoflow\/instance\/.* 503 busy/);
  await gateway.requests();
  const away = await cli.run(...once, `http://ann:secret@127.0.0.1:${port}`);
  expect([away.code, away.err]).toEqual([
    ...[0, expect.stringMatching(/not pushed: .*: nothing accepts .* Start the Pushgateway, or /)],
  ]);
  expect(refused.err + away.err).not.toContain("secret");
  const wrong = await cli.run(...once, "ann:secret@host:9091");
  expect([wrong.code, wrong.err]).toEqual([
    ...[2, expect.stringMatching(/expected the URL of a .*, found "…@host:9091"/)],
  ]);
  for (const option of ["--push", "--otlp"]) {
    const { code, err } = await cli.run("pool", "--once", option, "ftp://ann:se/cr@et@host");
    expect(code).toBe(2);
    expect(err).toContain(', found "ftp://…@host"');
  }
});

test("a lone % in the password of a Pushgateway is sent as it is", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const gateway = openGateway();
  const url = gateway.url.replace("//", "//ann:50%zz@");
  expect((await cli.run("pool", "--once", "--max-workers", "1", "--push", url)).code).toBe(0);
  expect((await gateway.requests())[0]?.authorization).toBe(`Basic ${btoa("ann:50%zz")}`);
});

test("--metrics-entry-points alone would show nothing, and is refused", async () => {
  using cli = await openCommands(null);
  const { code, err } = await cli.run("pool", "--once", "--metrics-entry-points", "3");
  expect(code).toBe(2);
  expect(err).toContain("--metrics-entry-points: expected --health or --push with it");
});

/** A Pushgateway that answers with this status, and keeps what was pushed; then it stops. */
function openGateway(status = 200) {
  const requests: Record<"method" | "path" | "authorization" | "text", string>[] = [];
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0 },
    async fetch(request) {
      const { method, url, headers } = request;
      const authorization = headers.get("authorization") ?? "";
      const text = await request.text();
      requests.push({ method, path: new URL(url).pathname, authorization, text });
      return new Response(status === 200 ? "" : "busy", { status });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    async requests() {
      await server.stop(true);
      return requests;
    },
  };
}

test("/desired answers as depth does, and --health-check as /readyz does", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  const socket = join(cli.folder, "health");
  const pool = cli.start("pool", "--max-workers", "1", "--health", socket);
  await untilStatus(socket, "/readyz", 200);
  await cli.run("post", "jobs.ts#waits", "--each", "1-9", "--needs", "gpu");
  const desired = async (query: string) => await ask(socket, `/desired?${query}`);
  expect((await desired("slots=4")).text).toBe('{"slots":9,"pools":3}\n');
  expect((await desired("provides=mem=8G&slots=4")).text).toBe('{"slots":0,"pools":0}\n');
  expect((await desired("provides=gpu")).text).toBe('{"slots":9,"pools":9}\n');
  expect((await desired("provides=")).text).toBe('{"slots":0,"pools":0}\n');
  expect((await cli.run("depth", "--for", "")).out).toBe("0\n");
  expect((await cli.run("depth")).out).toBe("9\n");
  expect((await desired("slots=0")).status).toBe(400);
  expect((await desired("provides=,")).status).toBe(400);
  expect((await desired("provides=gpu&provides=mem=8G")).status).toBe(400);
  const many = Array.from({ length: 25 }, (_, i) => desired(`provides=x${i}`));
  const statuses = (await Promise.all(many)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 400).length).toBe(9); // 20 are remembered
  const check = (address: string) => cli.run("pool", "--health-check", address);
  for (const address of [socket, `${socket}/livez`, `${socket}/startupz`])
    expect(await check(address)).toEqual({ code: 0, out: "", err: "pool: ok\n" });
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  expect((await check(socket)).code).toBe(1);
  expect(await check("nowhere")).toMatchObject({ code: 2 });
});

test("without a database a pool is alive and not ready, and says why", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCommands({ url: proxy.url });
  const socket = join(cli.folder, "health");
  const pool = cli.start(
    ...["pool", "--max-workers", "1", "--health", socket, "--heartbeat-timeout", "2s"],
  );
  await untilStatus(socket, "/readyz", 200);
  proxy.freeze();
  const { text } = await untilStatus(socket, "/readyz", 503);
  expect(text).toBe("the database does not answer: the workers were stopped\n");
  expect((await ask(socket, "/livez")).status).toBe(200);
  expect((await ask(socket, "/startupz")).status).toBe(200);
  const values = async () => valuesOf((await ask(socket, "/metrics")).text);
  expect((await values()).get("pdoflow_pool_ready")).toBe(0);
  await until("a lost connection", async () => {
    return ((await values()).get("pdoflow_pool_connection_losses_total") ?? 0) > 0;
  });
  const check = await cli.run("pool", "--health-check", socket);
  expect(check).toEqual({ code: 1, out: "", err: `pool: ${text}` });
  proxy.thaw();
  await untilStatus(socket, "/readyz", 200);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});

test("a pool that lets its jobs finish without a database is not ready, and says so", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openCommands({ url: proxy.url });
  const socket = join(cli.folder, "health");
  const lost = ["--heartbeat-timeout", "2s", "--on-database-lost", "finish"];
  const pool = cli.start("pool", "--max-workers", "1", "--health", socket, ...lost);
  await untilStatus(socket, "/readyz", 200);
  proxy.freeze();
  const { text } = await untilStatus(socket, "/readyz", 503);
  expect(text).toBe("the database does not answer\n");
  expect(valuesOf((await ask(socket, "/metrics")).text).get("pdoflow_pool_ready")).toBe(0);
  proxy.thaw();
  await said(pool, "pool: the database answers again");
  await untilStatus(socket, "/readyz", 200);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});

test("while the database is away, a pool logs each error once, and shows no name of the server", async () => {
  await using db = await freshDatabase();
  const proxy = await openProxy(db.url);
  using cli = await openCommands({ url: proxy.url });
  const socket = join(cli.folder, "health");
  const pool = cli.start(
    ...["pool", "--max-workers", "1", "--health", socket, "--heartbeat-timeout", "2s"],
  );
  await untilStatus(socket, "/readyz", 200);
  await proxy[Symbol.asyncDispose]();
  await untilStatus(socket, "/readyz", 503);
  const asked = await ask(socket, "/desired");
  expect(asked).toEqual({
    ...{ status: 503, text: "not known: the database does not answer. The log has the reason\n" },
  });
  expect((await ask(socket, "/desired?project=%00")).status).toBe(400);
  pool.kill("SIGTERM");
  pool.kill("SIGTERM");
  await pool.exited;
  const log = await new Response(pool.stderr).text();
  expect(log).toContain("pool: /desired cannot be answered: ");
  const errors = log.split("\n").filter((line) => line.startsWith("pool: the database: "));
  expect(errors.length).toBeGreaterThan(0);
  expect(errors).toEqual([...new Set(errors)]);
});

test("a draining pool is alive and not ready", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  const socket = join(cli.folder, "health");
  await cli.run("post", "jobs.ts#waits", "--each", join(cli.folder, "go"));
  const pool = cli.start("pool", "--max-workers", "1", "--health", socket);
  await untilStatus(socket, "/readyz", 200);
  await until("a running job", async () => {
    const { text } = await ask(socket, "/metrics");
    return valuesOf(text).get("pdoflow_pool_busy_slots") === 1;
  });
  pool.kill("SIGTERM");
  expect((await untilStatus(socket, "/readyz", 503)).text).toStartWith("draining: ");
  expect((await ask(socket, "/livez")).status).toBe(200);
  await cli.write("go", "");
  expect(await pool.exited).toBe(0);
});

test.each(["a path", "an abstract name"])("a service manager at %s gets reports", async (kind) => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const at = kind === "a path" ? join(cli.folder, "notify") : `@${db.name}`;
  using reports = listenForReports(at);
  const env = { NOTIFY_SOCKET: at, WATCHDOG_USEC: "100000" };
  const pool = cli.startWith({ env }, "pool", "--max-workers", "3");
  expect(await reports.until("READY=1\nSTATUS=")).toContain(
    "READY=1\nSTATUS=running: 0 of 3 workers busy, 0 done, 0 failed",
  );
  await reports.until("WATCHDOG=1");
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
  await reports.until("STOPPING=1\nSTATUS=stopping");
});

test("a watchdog for another process gets no reports, and a service manager that is gone harms nothing", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const at = join(cli.folder, "notify");
  {
    using reports = listenForReports(at);
    const env = { NOTIFY_SOCKET: at, WATCHDOG_USEC: "2000", WATCHDOG_PID: "1" };
    const ended = await cli.runWith({ env }, "pool", "--once", "--max-workers", "1");
    expect(ended.code).toBe(0);
    expect((await reports.until("STOPPING=1")).join()).not.toContain("WATCHDOG");
  }
  const env = { NOTIFY_SOCKET: at, WATCHDOG_USEC: "2000" };
  const ended = await cli.runWith({ env }, "pool", "--once", "--max-workers", "1");
  expect(ended.code).toBe(0);
});

test("the interval of the watchdog is bounded, so that a pool has time for its jobs", () => {
  const of = (WATCHDOG_USEC: string) => watchdogMs({ env: { WATCHDOG_USEC }, pid: 7 });
  expect(["60000000", "1", "0.1", "1e15"].map(of)).toEqual([30_000, 20, 20, 2 ** 31 - 1]);
  expect(["0", "-1", "", "soon"].map(of)).toEqual([null, null, null, null]);
});

test("a manager that comes late, or reads slowly, still learns that the pool is ready", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const at = join(cli.folder, "notify");
  const pool = cli.startWith({ env: { NOTIFY_SOCKET: at } }, "pool", "--max-workers", "1");
  await said(pool, "pool: 1 worker");
  using reports = listenForReports(at);
  await reports.until("READY=1");
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});
