// A real Prometheus, promtool and Pushgateway, as Debian packages them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";

import { metricText } from "../../src/domain/metric-text.ts";
import { until } from "../binary/cli.ts";
import { openCommands, type Started } from "../cli/in-process.ts";
import { hasDebian } from "../debian-packages.ts";
import { freshDatabase } from "../database.ts";
import { freePort } from "../free-port.ts";
import { allPoolMetrics, allQueueMetrics, dashboardQueries } from "./metrics.ts";

const deploy = join(import.meta.dir, "../../deploy");
const [prometheus, promtool] = ["/usr/bin/prometheus", "/usr/bin/promtool"];
const pushgateway = "/usr/bin/prometheus-pushgateway";
const packages = ["prometheus", "prometheus-pushgateway"];
const isHere = await hasDebian(packages, [prometheus, promtool, pushgateway]);
if (!isHere)
  console.error("No tests with Prometheus: they need root and apt-get, or its packages.");
const testIt = test.skipIf(!isHere);

async function tool(args: readonly string[], input = "") {
  const run = Bun.spawn([promtool, ...args], {
    ...{ cwd: join(deploy, "prometheus"), stdin: Buffer.from(input) },
    ...{ stdout: "pipe", stderr: "pipe" },
  });
  const [out, err, code] = await Promise.all([run.stdout.text(), run.stderr.text(), run.exited]);
  return { code, said: out + err };
}

testIt(
  "promtool finds nothing to criticize in the metrics of a pool and of the exporter",
  async () => {
    for (const metrics of [allPoolMetrics(), allQueueMetrics()]) {
      const { code, said } = await tool(["check", "metrics"], metricText(metrics, "text"));
      expect({ code, said }).toEqual({ code: 0, said: "" });
    }
  },
);

testIt("the alerts fire when they should, and are silent on a queue that works", async () => {
  expect(await tool(["check", "config", "prometheus.yml"])).toMatchObject({ code: 0 });
  const { code, said } = await tool(["test", "rules", "pdoflow.rules.test.yml"]);
  expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining("SUCCESS") });
});

/** The address that a command says it listens on. */
async function addressOf({ stderr }: Started, before: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stderr) {
    text += decoder.decode(bytes, { stream: true });
    const [, address] = new RegExp(`${before} (127\\.0\\.0\\.1:\\d+)\n`).exec(text) ?? [];
    if (address !== undefined) return address;
  }
  throw new Error(`expected an address, it said: ${text}`);
}

const jobs = `export const double = (i: number) => i * 2;
export function fails() { throw new Error("no"); }`;

testIt(
  "each query of the dashboard has data in a Prometheus that scrapes two pools and the exporter",
  async () => {
    await using db = await freshDatabase();
    using cli = await openCommands(db);
    await cli.write("jobs.ts", jobs);
    await db.sql`
      insert into pdoflow.schedule (name, poster, timing, entry_point, jobs, job_count)
      values ('nightly', 'ada', '0 3 * * *', 'jobs.ts#double', '[[1]]', 1)`;
    const start = (...args: string[]) => cli.start(...args);
    const words = ["pool", "--max-workers", "1", "--health", "0", "--metrics-entry-points", "5"];
    const pools = [1, 2].map(() => start(...words));
    const exporter = start("exporter", "--listen", "0", "--for", "");
    const targets = await Promise.all([
      ...pools.map((pool) => addressOf(pool, "health:")),
      addressOf(exporter, "listening on"),
    ]);
    await cli.run("post", "jobs.ts#double", "--each", "1-3000");
    await cli.run("post", "jobs.ts#fails", "--each", "1-5", "--max-attempts", "2");
    const folder = mkdtempSync(join(tmpdir(), "pdoflow-prometheus-"));
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: [join(deploy, "prometheus/pdoflow.rules.yml")],
      scrape_configs: [{ job_name: "pdoflow", static_configs: [{ targets }] }],
    };
    await Bun.write(join(folder, "config.yml"), JSON.stringify(config)); // YAML includes JSON
    const at = `127.0.0.1:${await freePort()}`;
    const server = Bun.spawn(
      [
        ...[prometheus, `--config.file=${folder}/config.yml`],
        ...[`--storage.tsdb.path=${folder}/data`, `--web.listen-address=${at}`],
      ],
      { stdout: "ignore", stderr: Bun.file(join(folder, "log")) },
    );
    try {
      const query = async (expr: string): Promise<unknown[]> => {
        const asked = new URLSearchParams({ query: expr.replaceAll("$__rate_interval", "30s") });
        const reply = await fetch(`http://${at}/api/v1/query?${asked.toString()}`);
        const { status, data, error } = (await reply.json()) as {
          status: string;
          data?: { result: unknown[] };
          error?: string;
        };
        if (status !== "success") throw new Error(`${expr}: ${error}`);
        return data?.result ?? [];
      };
      await until("two scrapes of each target", async () => {
        const up = await query("count(count_over_time(up[1m]) > 3) == 3").catch(() => []);
        return up.length > 0;
      });
      expect(await query("up == 0")).toEqual([]);
      const done = 'sum(pdoflow_pool_attempts_total{state="done"}) == 3000';
      await until("all jobs", async () => (await query(done)).length > 0);
      for (const what of ["duration", "wait"]) {
        const recorded = `sum(pdoflow_pool_attempt_${what}_seconds_count) >= 3000`;
        await until(`their ${what}`, async () => (await query(recorded)).length > 0);
      }
      const queries = await dashboardQueries(join(deploy, "grafana/pdoflow.json"));
      expect(queries.length).toBeGreaterThan(30);
      const empty: string[] = [];
      for (const { panel, expr } of queries) {
        if ((await query(expr)).length === 0) empty.push(`${panel}: ${expr}`);
      }
      expect(empty).toEqual([]);
      const rules = (await (await fetch(`http://${at}/api/v1/rules`)).json()) as {
        data: { groups: { rules: { health: string }[] }[] };
      };
      const health = rules.data.groups.flatMap((group) => group.rules.map((rule) => rule.health));
      expect(new Set(health)).toEqual(new Set(["ok"]));
      for (const command of [...pools, exporter]) command.kill("SIGTERM");
      await Promise.all([...pools, exporter].map(({ exited }) => exited));
    } finally {
      server.kill("SIGKILL");
      await server.exited;
      rmSync(folder, { recursive: true, force: true });
    }
  },
  120_000,
);

testIt("a Pushgateway takes the metrics of a pool that has ended", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("jobs.ts", jobs);
  await cli.run("post", "jobs.ts#double", "--each", "1-50");
  const at = `127.0.0.1:${await freePort()}`;
  const server = Bun.spawn([pushgateway, `--web.listen-address=${at}`], {
    ...{ stdout: "ignore", stderr: "ignore" },
  });
  try {
    const page = async (path: string) => await (await fetch(`http://${at}${path}`)).text();
    await until("the gateway", () => page("/-/ready").catch(() => false));
    const words = ["--once", "--max-workers", "1", "--metrics-entry-points", "1"];
    const { err } = await cli.run("pool", ...words, "--push", `http://${at}`);
    expect(err).not.toContain("not pushed");
    const kept = await page("/metrics");
    expect(kept).toMatch(
      /^pdoflow_pool_attempts_total\{instance=.*job="pdoflow",state="done"\} 50$/m,
    );
    expect(kept).toMatch(/^pdoflow_pool_attempt_wait_seconds_count\{.*\} 50$/m);
    expect(kept).toContain('entry_point="jobs.ts#double"');
    expect(kept).not.toContain("pdoflow_pool_connected");
  } finally {
    server.kill("SIGKILL");
    await server.exited;
  }
});
