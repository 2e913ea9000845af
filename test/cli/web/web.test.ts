import { statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";

import { expect, test } from "bun:test";

import { openDatabase } from "../../../src/db/connection/open.ts";
import { readOnlyTarget } from "../../../src/db/connection/read-only.ts";
import { until } from "../../binary/cli.ts";
import { freshDatabase } from "../../database.ts";
import { jobsOf, newPool, postJobs, record, refusal, take } from "../../db/engine.ts";
import { withRoles } from "../../db/roles/roles.ts";
import { openProxy } from "../../proxy.ts";
import { openCommands, textOf } from "../in-process.ts";
import { openWeb, urlOf } from "./open-web.ts";

test("a viewer sees the queue and its postings, in sessions that cannot write", async () => {
  await using roles = await withRoles("viewer");
  await roles.grant("viewer", "viewer");
  const name = roles.nameOf("viewer");
  const pool = await newPool(roles.db, "here");
  const id = await postJobs(roles.db, 3, { name: "night" });
  await record(roles.db, pool, jobsOf(await take(roles.db, pool)));
  const url = new URL(roles.url.replace("postgres:///", "postgres://host/"));
  url.searchParams.set("options", `-c role=${name}`);
  using cli = await openCommands({
    url: url.href.replace("postgres://host/", "postgres:///").replaceAll("+", "%20"),
  });
  await using web = await openWeb(cli);
  const { started, get, page } = web;
  expect(await page("/")).toContain(`href="/posting/${id}"`);
  expect(await page(`/posting/${id}`)).toContain("All 3 jobs are done.");
  for (const path of ["/posting/99", "/flow/99", "/posting/0", "/posting/1e3", "/etc/passwd"]) {
    await page(path); // that a posting does not exist is known once it was looked for
    expect((await get(path)).status).toBe(404);
  }
  started.kill("SIGTERM");
  expect(await started.exited).toBe(0);
  await using alone = await openDatabase(readOnlyTarget(roles.db.target), { connections: 1 });
  expect(await refusal(alone.sql`delete from pdoflow.posting`)).toContain("read-only");
});

test("every answer forbids scripts, frames, storing and referrers; only GET and HEAD are answered", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await using web = await openWeb(cli);
  const { started, url, get } = web;
  const answers = [
    await get("/"),
    await get("/gone"),
    await get("/favicon.ico"),
    await get("/", { method: "HEAD" }),
    await fetch(new URL("/", url)),
    await fetch(new URL("/?token=wrong", url)),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 204, 200, 403, 403]);
  for (const { headers } of answers) {
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'; style-src 'sha256-");
    expect(policy).not.toContain("unsafe");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cache-control")).toBe("no-store");
  }
  expect(await answers[3]?.text()).toBe("");
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    expect((await get("/", { method })).status).toBe(405);
  }
  started.kill("SIGINT");
  expect(await started.exited).toBe(0);
});

test("fifty requests at once are answered from one read, and an outage is shown with its age", async () => {
  await using db = await freshDatabase();
  const id = await postJobs(db.db, 3);
  const sent: string[] = [];
  await using proxy = await openProxy(db.url, (bytes) => sent.push(bytes.toString("latin1")));
  using cli = await openCommands(proxy);
  await using web = await openWeb(cli);
  const { started, get, page } = web;
  const all = await Promise.all(Array.from({ length: 50 }, () => get(`/posting/${id}`)));
  expect(all.every(({ status }) => status === 200)).toBeTrue();
  await page(`/posting/${id}`);
  expect(sent.join("")).toContain("-c default_transaction_read_only=on");
  const reads = sent.join("").match(/sum\(r\.end_seq - r\.first_seq\)/g) ?? [];
  expect(reads.length).toBe(1);
  await proxy[Symbol.asyncDispose]();
  const stale = await until("a page that names the outage", async () => {
    const text = await (await get(`/posting/${id}`)).text();
    return text.includes('role="alert"') ? text : null;
  });
  expect(stale).toMatch(/These figures are [\d.]+ s old/);
  expect(stale).toContain("No job of 3 has ended yet.");
  started.kill("SIGTERM");
  expect(await started.exited).toBe(0);
}, 30_000);

test("a socket is for its owner alone, and no address of other machines is listened on", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const path = join(cli.folder, "web.sock");
  const started = cli.start("web", "--socket", "web.sock");
  const { search } = await urlOf(started);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const status = await new Promise((resolve, reject) => {
    request({ socketPath: path, path: `/${search}`, headers: { host: "localhost" } }, (reply) =>
      resolve(reply.statusCode),
    )
      .on("error", reject)
      .end();
  });
  expect(status).toBe(303);
  started.kill("SIGINT");
  expect(await started.exited).toBe(0);
  for (const address of ["0.0.0.0:9480", "[::]:9480", "192.0.2.1:9480", "9480x"]) {
    const { code, err } = await cli.run("web", "--listen", address);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining("--listen") });
  }
  const odd = await cli.run("web", "--listen", "abc");
  expect(odd.err).toContain("an address of this machine with a port such as 127.0.0.1:");
  const refused = cli.start("web", "--listen", "127.0.0.1:0", "--socket", "a");
  expect(await refused.exited).toBe(2);
  expect(await textOf(refused.stderr)).toContain("found both");
});
