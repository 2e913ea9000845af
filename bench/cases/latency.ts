import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Bench, Case } from "../case.ts";
import { run } from "../contender.ts";
import { node, scripts } from "../peer-scripts.ts";
import { percentile, ratios } from "../measure.ts";
import { binary, root } from "../pdoflow.ts";
import { type Name, names } from "../peers.ts";
import type { Findings } from "../result.ts";
import { type BenchDatabase, type BenchServer, startServer } from "../server.ts";

const library = join(root, "../src/index.ts");
type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

const what =
  "from just before the post to the start of the job, in an idle pool, one job at a time";

export const latency: Case = {
  ...{ name: "latency", what, target: "p50 and p99 under graphile-worker's; p50 under 5 ms" },
  run: (bench) => measure(bench, bench.server),
};

/** Up to version 17 the server plans functions in SQL anew at each call. */
export const latencyOlder: Case = {
  ...{ name: "latency-older", what: `${what}, on PostgreSQL 15, or 14 where 15 is not installed` },
  target: "p50 and p99 under graphile-worker's",
  async run(bench) {
    const version = existsSync("/usr/lib/postgresql/15") ? 15 : 14;
    await using server = await startServer(bench.say, version);
    const { checks, ...found } = await measure(bench, server);
    return {
      ...found,
      sizes: { ...found.sizes, postgres: version },
      checks: checks.filter(({ unit }) => unit === "x"),
    };
  },
};

async function measure(bench: Bench, server: BenchServer): Promise<Findings> {
  const posts = bench.size(150, 40);
  const rounds = bench.rounds(5, 3);
  const shares = { p50: 0.5, p99: 0.99 };
  const found: Record<keyof typeof shares, Record<Name, number[]>> = {
    p50: { pdoflow: [], graphile: [], pgboss: [] },
    p99: { pdoflow: [], graphile: [], pgboss: [] },
  };
  await using runners = await startRunners(server);
  for (let round = 1; round <= rounds; round++) {
    for (const kind of names) {
      const asked = { kind, count: posts, round, ...runners.of(kind) };
      const ms = await latencies(join(server.folder, "latency"), asked);
      found.p50[kind].push(percentile(ms, shares.p50));
      found.p99[kind].push(percentile(ms, shares.p99));
    }
    bench.say(`latency: round ${round} of ${rounds}`);
  }
  const { p50, p99 } = found;
  const series = (["p50", "p99"] as const).flatMap((share) =>
    names.map((name) => ({
      ...{ name: `${share} ${titles[name]}`, unit: "ms" as const },
      values: found[share][name],
    })),
  );
  const below = { below: 1 };
  return {
    sizes: { posts, rounds },
    series,
    checks: [
      { name: "p50", unit: "ms", values: p50.pdoflow, bound: { below: 5 } },
      {
        ...{ name: "p50 against graphile-worker's", unit: "x", bound: below },
        values: ratios(p50.pdoflow, p50.graphile),
      },
      {
        ...{ name: "p99 against graphile-worker's", unit: "x", bound: below },
        values: ratios(p99.pdoflow, p99.graphile),
      },
    ],
    notes: [
      "all three with LISTEN, two workers each, all of them up; between posts 20 to 40 ms",
      "the time has the post itself in it: its transaction is written to disk before it returns",
    ],
  };
}

const titles: Record<Name, string> = {
  pdoflow: "pdoflow",
  graphile: "graphile-worker",
  pgboss: "pg-boss",
};

interface Asked {
  kind: Name;
  url: string;
  count: number;
  round: number;
}

async function latencies(folder: string, { kind, url, count, round }: Asked): Promise<number[]> {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${kind}-${round}`);
  writeFileSync(file, "");
  const command = kind === "pdoflow" ? process.execPath : node;
  const text = JSON.stringify({ kind, url, count, file, library, seed: round });
  const posted: number[] = JSON.parse(await run([command, "latency-post.mjs", text], scripts));
  const starts = readFileSync(file, "utf8").trimEnd().split("\n");
  const startedAt = new Map(starts.map((line) => line.split(" ").map(Number) as [number, number]));
  return posted.map((at, number) => (startedAt.get(number) ?? Number.NaN) - at);
}

/** All of them up and idle for as long as the case takes. */
async function startRunners(server: BenchServer) {
  const url: Record<Name, string> = { pdoflow: "", graphile: "", pgboss: "" };
  const databases: BenchDatabase[] = [];
  const children: Child[] = [];
  for (const kind of names) {
    const database = await server.database(`latency_${kind}`);
    databases.push(database);
    url[kind] = database.url;
    const asked = JSON.stringify({ kind, url: database.url });
    const command =
      kind === "pdoflow"
        ? [binary, "pool", "--max-workers", "2", "--database", database.url]
        : [node, join(scripts, "latency-run.mjs"), asked];
    if (kind === "pdoflow") await run([binary, "migrate", "--database", database.url], root);
    const child = Bun.spawn(command, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    if (kind !== "pdoflow") await child.stdout.getReader().read(); // it says that it is ready
  }
  return {
    of: (kind: Name) => ({ url: url[kind] }),
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map(({ exited }) => exited));
      for (const database of databases) await server.drop(database);
    },
  };
}
