import { readTokens } from "../../db/read/tokens.ts";
import * as v from "valibot";

import {
  callerDb,
  type PostingDb,
  requireTransaction,
} from "../../db/posting/caller-transaction.ts";
import { beginFlow, endFlow, type NewFlow, transactionDb } from "../../db/posting/flow.ts";
import { compareWithKnown } from "../../db/posting/flow-key.ts";
import { openSpanBy } from "../../db/posting/insert.ts";
import type { Transaction } from "../../db/posting/transaction.ts";
import { readStages } from "../../db/read/flows.ts";
import { osUser } from "../../db/settings/os-user.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { FlowSpec, StageSpec } from "../../domain/flow-spec.ts";
import { type Edge, Receivers } from "../../domain/option-values.ts";
import { parse } from "../../domain/parse.ts";
import { Tolerance, type Tolerated } from "../../domain/tolerance.ts";
import { type Connection, connectionTo } from "../connection/connection.ts";
import { entryPointText, post, postGathering, postOver } from "../post/post.ts";
import { fromPostgres } from "../post/transactions.ts";
import { Posting } from "../posting/posting.ts";
import {
  type DescribedStage,
  FlowBuilder,
  type Stage,
  StageHandle,
  type StageOptions,
  type StageUpstream,
} from "./flow-builder.ts";
import type { FlowOptions } from "./flow.ts";
import { Flow } from "./posted-flow.ts";

const Options = v.strictObject({
  key: v.optional(v.string("expected a text")),
  onEnd: v.optional(Receivers),
  onFailure: v.optional(Receivers),
  db: v.optional(v.string("expected the URL of a database")),
  transaction: v.optional(v.custom<Transaction>((input) => typeof input === "object")),
});

/** The implementation of `flow`. */
export async function postFlow(
  name: string,
  build: (f: FlowBuilder) => void | Promise<void>,
  options: FlowOptions,
): Promise<Flow> {
  const { db: url, transaction, ...own } = parse(Options, options, "options of flow");
  const builder = new FlowBuilder();
  await build(builder);
  const stages = await namedStages(builder.stages);
  const names = new Map(stages.map(({ stage, name }) => [stage, name]));
  const spec: FlowSpec = { stages: stages.map((each) => specOf(each, names)) };
  const connection = connectionTo(url);
  const whole = { connection, url, flow: { name, ...own, osUser: osUser() }, stages, spec };
  if (transaction) {
    const db = callerDb(transaction, connection.target.schema);
    await requireTransaction(db);
    return await flowIn(db, transaction, whole);
  }
  return await connection.use(async ({ posting: db }) => {
    await openSpanBy(db); // not while the transaction holds what others wait for
    return await db.sql.begin((sql) => flowIn(transactionDb(db, sql), fromPostgres(sql), whole));
  });
}

interface WholeFlow {
  connection: Connection;
  url: string | undefined;
  flow: NewFlow;
  stages: readonly NamedStage[];
  spec: FlowSpec;
}

interface NamedStage extends DescribedStage {
  name: string;
  entryPoint: string;
}

async function flowIn(db: PostingDb, transaction: Transaction, whole: WholeFlow): Promise<Flow> {
  const { connection, url, flow, stages, spec } = whole;
  const { name } = flow;
  const { flowId: id, isNew } = await beginFlow(db, flow);
  if (!isNew) return await connection.use((open) => knownFlow(open.reading, id, whole));
  const postings = new Map<Stage, Posting>();
  const postingOf = (upstream: StageUpstream): Posting => {
    const posting = upstream instanceof StageHandle ? postings.get(upstream) : upstream;
    if (!posting) throw new Error("an upstream is posted before");
    return posting;
  };
  for (const { stage, name: stageName, fn, jobs, edges, options } of stages) {
    const after = edges.map(({ upstream, kind }): Edge => {
      const tolerance = kind === "after" ? toleranceOf(options) : {};
      return { posting: postingOf(upstream).id, kind, ...tolerance };
    });
    const place = { flowId: id, stage: stageName, after };
    const named = { name: options.name ?? `${name}.${stageName}` };
    const own = { ...ownOptions(options), ...named, transaction, db: url, after: undefined };
    if (jobs.from === "arguments") postings.set(stage, await post(fn, jobs, own, place));
    else {
      const { priority, ...others } = own;
      const base = typeof priority === "number" ? priority : undefined;
      const given = { ...others, priority: base, with: options.with };
      const posting = postingOf(jobs.upstream);
      const posted =
        jobs.from === "each result"
          ? await postOver(fn, posting, given, place)
          : await postGathering(
              fn,
              { posting, groupSize: jobs.groupSize },
              { ...given, tolerate: options.tolerate },
              place,
            );
      postings.set(stage, posted);
    }
  }
  await endFlow(db, id, spec);
  const byName = stages.flatMap(({ stage, name }) => {
    const posting = postings.get(stage);
    return posting ? [[name, posting] as const] : [];
  });
  return new Flow({ id, name, isNew, postings: new Map(byName) });
}

async function knownFlow(
  db: Parameters<typeof compareWithKnown>[0],
  id: number,
  { connection, flow: { name, key }, spec }: WholeFlow,
): Promise<Flow> {
  await compareWithKnown(db, id, key ?? "", spec);
  const stages = (await readStages(db, [id])).get(id) ?? [];
  const tokens = await readTokens(
    db,
    stages.map(({ id }) => id),
  );
  const postings = new Map(
    stages.map(({ stage, id, jobCount }) => [
      stage,
      new Posting(connection, { id, jobCount, token: tokens.get(id) ?? 0, isNew: false }),
    ]),
  );
  return new Flow({ id, name, isNew: false, postings });
}

/**
 * The stages with their names: given ones, or those of their functions.
 *
 * @throws {InvalidInput}
 */
async function namedStages(stages: readonly DescribedStage[]): Promise<NamedStage[]> {
  if (stages.length === 0) throw new InvalidInput("flow", ["expected at least one stage"]);
  const named: NamedStage[] = [];
  for (const each of stages) {
    const { fn, jobs, edges, options } = each;
    const entryPoint = await entryPointText(fn, options.root ?? process.cwd());
    const taken = new Set(named.map(({ name }) => name));
    const name = options.stage ?? freeName(entryPoint, taken);
    if (taken.has(name)) {
      throw new InvalidInput("flow", [`expected a name for each stage, found "${name}" twice`]);
    }
    const read = jobs.from === "arguments" ? [] : [jobs.upstream];
    for (const upstream of [...edges.map((edge) => edge.upstream), ...read]) {
      const isKnown =
        upstream instanceof StageHandle
          ? named.some(({ stage }) => stage === upstream)
          : upstream instanceof Posting;
      if (isKnown) continue;
      const found = upstream instanceof StageHandle ? "a stage of another flow" : typeof upstream;
      throw new InvalidInput(`stage ${name}`, [
        `expected a stage of this flow, or a posting, to wait for, found ${found}`,
      ]);
    }
    toleranceOf(options);
    named.push({ ...each, name, entryPoint });
  }
  return named;
}

/** The name of a function, as in `measure` or `measure-2`. */
function freeName(entryPoint: string, taken: ReadonlySet<string>): string {
  const word = entryPoint.slice(entryPoint.indexOf("#") + 1);
  const base = word.replaceAll(/[^\p{L}\p{N}_-]/gu, "-").replace(/^[^\p{L}_]+/u, "") || "stage";
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}-${number}`;
  return name;
}

/** The options of `postWork`. */
function ownOptions(options: DescribedStage["options"]): StageOptions {
  const { stage: _s, after: _a, afterAny: _n, afterFailed: _f, afterStart: _b, ...own } = options;
  const { tolerate: _t, with: _w, ...rest } = own;
  return rest;
}

const toleranceOf = ({ tolerate }: StageOptions): Tolerated =>
  parse(v.optional(Tolerance, 0), tolerate, "tolerate");

function specOf(
  { name, entryPoint, jobs, edges, options }: NamedStage,
  names: ReadonlyMap<Stage, string>,
): StageSpec {
  const textOf = (upstream: StageUpstream) =>
    String(upstream instanceof StageHandle ? names.get(upstream) : upstream.id);
  const upstreams = edges.map(({ upstream, kind }) =>
    kind === "after" ? `after ${textOf(upstream)}` : `after-${kind} ${textOf(upstream)}`,
  );
  if (jobs.from === "each result") upstreams.push(`over ${textOf(jobs.upstream)}`);
  if (jobs.from === "all results") upstreams.push(`gather ${textOf(jobs.upstream)}`);
  return {
    ...{ name, run: entryPoint },
    options: options.keepsResults === false ? ["no-results"] : [],
    upstreams: upstreams.toSorted(),
    jobs: { count: 0, partJobs: 0, parts: [] },
  };
}
