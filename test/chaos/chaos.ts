// `bun test/chaos/chaos.ts --minutes 20 --seed 7 --pools 3`: lets everything go wrong that can, for
// so long, and judges at the end whether the promises of docs/architecture.md were kept. With --tls
// over TCP with TLS offered, with `--postgres 15` on that version.
import { parseArgs } from "node:util";

import * as v from "valibot";

import { connect } from "../../src/db/connection/connect.ts";
import { parse } from "../../src/domain/parse.ts";
import { openProxy, type Proxy } from "../proxy.ts";
import { Arena } from "./arena.ts";
import { Chronicle } from "./chronicle.ts";
import { Dice } from "./dice.ts";
import { drain, rally } from "./drain.ts";
import { strike } from "./faults.ts";
import { Poster } from "./poster.ts";
import { Seat } from "./seat.ts";
import { summary } from "./summary.ts";
import { judge, type Verdict } from "./verdict.ts";

const heartbeatTimeoutMs = 2_000;
const endOfPoolMs = 20_000;
/** On average, between two faults and between two postings. */
const faultEveryMs = 700;
const postEveryMs = 300;

const number = (text: string) =>
  v.pipe(v.string(), v.transform(Number), v.number(`expected ${text}`));
const Options = v.object({
  minutes: v.optional(v.pipe(number("minutes"), v.minValue(0.05, "expected at least 0.05")), "20"),
  seed: v.optional(v.pipe(number("a seed"), v.integer("expected a whole number")), "1"),
  pools: v.optional(
    v.pipe(number("a number of pools"), v.integer(), v.minValue(2), v.maxValue(4)),
    "3",
  ),
  tls: v.optional(v.boolean(), false),
  postgres: v.optional(
    v.nullable(v.pipe(number("a major version of PostgreSQL"), v.integer(), v.minValue(14))),
    null,
  ),
});
type Options = v.InferOutput<typeof Options>;

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: "string" },
      seed: { type: "string" },
      pools: { type: "string" },
      tls: { type: "boolean" },
      postgres: { type: "string" },
    },
  });
  const options = parse(Options, values, "options of chaos");
  const asked = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(name, () => asked.abort());
  process.on("uncaughtException", (error) => {
    // postgres.js 3.4.9 writes to a socket that has just closed (its pull request 1176).
    if (error.stack?.includes("nextWrite") !== true) throw error;
    console.error(`a fault of postgres.js in this process: ${error.message}`);
  });
  const arena = await Arena.open(options);
  console.error(`seed ${options.seed}, in ${arena.folder}`);
  let verdict: Verdict | null = null;
  try {
    verdict = await run(arena, options, asked.signal);
  } finally {
    await arena.close({ keep: verdict?.length !== 0 && !asked.signal.aborted });
  }
  if (verdict.length === 0) {
    console.log(`seed ${options.seed}: ok`);
    return 0;
  }
  for (const { check, fault } of verdict) console.log(`seed ${options.seed}: ${check}: ${fault}`);
  console.log(`look into ${arena.folder}`);
  return 1;
}

async function run(arena: Arena, options: Options, asked: AbortSignal): Promise<Verdict> {
  const chronicle = new Chronicle(`${arena.folder}/chaos.log`, (line) => console.error(line));
  const dice = new Dice(options.seed);
  const proxies: Proxy[] = [];
  const seats: Seat[] = [];
  const over = new AbortController();
  const time = AbortSignal.timeout(options.minutes * 60_000);
  const until = AbortSignal.any([asked, time, over.signal]);
  const poster = new Poster(arena, chronicle, new Dice(options.seed + 1));
  try {
    for (let number = 0; number < options.pools; number++) {
      const proxy = number % 2 === 1 ? await openProxy(arena.url) : null;
      if (proxy) proxies.push(proxy);
      const flags = ["--max-workers", String(dice.whole(2, 4)), "--heartbeat-timeout", "2s"];
      seats.push(new Seat(arena, chronicle, { name: `pool-${number}`, flags, proxy }));
    }
    const world = {
      arena,
      chronicle,
      dice,
      seats,
      poster,
      heartbeatTimeoutMs,
      isServerDown: false,
    };
    const work = [poster.run(until, postEveryMs), strike(world, until, faultEveryMs)];
    await Promise.all(work.map((part) => part.finally(() => over.abort())));
    chronicle.tell("the faults are over");
    await drain(arena, chronicle, asked);
    await rally(arena, chronicle, seats);
  } finally {
    await Promise.all(seats.map((seat) => seat.close(endOfPoolMs)));
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  }
  await using db = connect(arena.target, { connections: 1 });
  const verdict = await judge({ arena, db, chronicle, batches: poster.batches });
  console.log(await summary(db, chronicle));
  return verdict;
}
