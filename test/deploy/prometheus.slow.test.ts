// A real Prometheus: Debian's package prometheus has it, and promtool.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";

import { metricText } from "../../src/domain/metric-text.ts";
import { until } from "../binary/cli.ts";
import { openCommands, type Started } from "../cli/in-process.ts";
import { freshDatabase } from "../database.ts";
import { freePort } from "../free-port.ts";
import { allPoolMetrics, allQueueMetrics, dashboardQueries } from "./metrics.ts";

const deploy = join(import.meta.dir, "../../deploy");
const prometheus = Bun.which("prometheus");
const promtool = Bun.which("promtool");
const hasBoth = prometheus !== null && promtool !== null;
if (!hasBoth) console.log("skipped: this machine has no prometheus (apt-get install prometheus)");
const testIt = test.skipIf(!hasBoth);

async function tool(args: readonly string[], input = "") {
  const run = Bun.spawn([promtool ?? "", ...args], {
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
    const pools = [1, 2].map(() => start("pool", "--max-workers", "1", "--health", "0"));
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
        ...[prometheus ?? "", `--config.file=${folder}/config.yml`],
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
      await until("their durations", async () => {
        const recorded = "sum(pdoflow_pool_attempt_duration_seconds_count) >= 3000";
        return (await query(recorded)).length > 0;
      });
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
