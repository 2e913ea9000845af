// npm run bench: each target of PDOFlow's speed, measured here; see README.md.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";

import type { Bench, Case } from "./case.ts";
import { cases } from "./cases.ts";
import { machine, versions } from "./machine.ts";
import { Peers } from "./peers.ts";
import { caseLines, conditionLines, summaryLines } from "./print.ts";
import type { CaseResult, Report } from "./result.ts";
import { startServer } from "./server.ts";

const usage = `bun bench/run.ts [--case NAME]… [--quick] [--jobs N] [--rounds N] [--json FILE]
  --case    run this one alone, and others that are named so too; NAME,NAME is fine
            ${cases.map(({ name }) => name).join(", ")}
  --quick   small sizes and few rounds: all cases but the long ones in less than four minutes
  --jobs    how many jobs where a case posts or drains, instead of its own number
  --rounds  how many rounds, instead of at least five (with --quick at least two)
  --json    write all figures to this file, which docs/performance.md is made from`;

interface Options {
  chosen: readonly Case[];
  jobs: number | undefined;
  rounds: number | undefined;
  isQuick: boolean;
  json: string | undefined;
}

const say = (line: string) => process.stderr.write(`bench: ${line}\n`);

/** Null where help was asked for. */
function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      case: { type: "string", multiple: true, default: [] },
      jobs: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const wanted = values.case.flatMap((text) => text.split(","));
  for (const name of wanted) {
    if (cases.some((each) => each.name === name)) continue;
    throw new RangeError(`expected a case, found "${name}"\n${usage}`);
  }
  const atLeast = (least: number, text: string | undefined, what: string) => {
    if (text === undefined) return undefined;
    if (Number.isInteger(Number(text)) && Number(text) >= least) return Number(text);
    throw new RangeError(`expected at least ${least} ${what}, found ${text}`);
  };
  return {
    chosen: cases.filter(({ name, isLong = false }) =>
      wanted.length === 0 ? !(isLong && values.quick) : wanted.includes(name),
    ),
    jobs: atLeast(1_000, values.jobs, "jobs"),
    rounds: atLeast(1, values.rounds, "rounds"),
    isQuick: values.quick,
    json: values.json,
  };
}

/** Runs a case; its failure is a result like others. */
async function runCase({ name, what, target, run }: Case, bench: Bench): Promise<CaseResult> {
  const startedAt = performance.now();
  const took = () => Math.round(performance.now() - startedAt) / 1000;
  say(`${name}: ${what}`);
  try {
    const findings = await run(bench);
    return { name, what, target, failure: null, tookSeconds: took(), ...findings };
  } catch (error) {
    const failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const empty = { sizes: {}, series: [], checks: [] };
    return { name, what, target, failure, tookSeconds: took(), ...empty };
  }
}

/** To four digits: more are noise. */
const rounded = (_key: string, value: unknown) =>
  typeof value === "number" ? Number(value.toPrecision(Math.abs(value) >= 1e4 ? 6 : 4)) : value;

function write(path: string, report: Report): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, rounded, 2)}\n`);
}

async function runAll({ chosen, isQuick, json, jobs, rounds }: Options): Promise<number> {
  const cores = cpus().length;
  await using server = await startServer(say);
  const tuning = { server, jobs: 60_000, takes: 2, say };
  const size = (full: number, quick: number) => (isQuick ? quick : full);
  const bench: Bench = {
    ...{ server, cores, isQuick, say, size },
    peers: new Peers(server, cores, { ...tuning, most: isQuick ? 1 : Infinity }),
    jobs: (full, quick) => jobs ?? size(full, quick),
    rounds: (full, quick) => rounds ?? size(full, quick),
  };
  const conditions = {
    ...{ madeAt: new Date().toISOString(), isQuick, machine: machine() },
    ...{ versions: await versions(), server: await server.settings() },
  };
  console.log([...conditionLines(conditions), ""].join("\n"));
  const results: CaseResult[] = [];
  for (const each of chosen) {
    const result = await runCase(each, bench);
    results.push(result);
    console.log(caseLines(result).join("\n"));
    // After each one: a run that is cut short keeps what it has found.
    if (json) write(resolve(json), { ...conditions, cases: results });
  }
  console.log(summaryLines({ cases: results }).join("\n"));
  return results.some(({ failure }) => failure !== null) ? 1 : 0;
}

const options = parseOptions();
if (options) process.exitCode = await runAll(options);
else console.log(usage);
