import * as v from "valibot";

import { parse } from "./parse.ts";

/** A digest of the arguments of a stage: of all, and of parts, to say which have changed. */
export interface JobsDigest {
  count: number;
  /** The number of jobs in a part; the last part may have fewer. */
  partJobs: number;
  /** The digest of each part, in order. */
  parts: readonly string[];
}

/** What decides whether a stage has to run again. */
export interface StageSpec {
  name: string;
  /** The entry point, or the words of a command. */
  run: string;
  /** Options that change results, as words of a command line. */
  options: readonly string[];
  /** The stages and postings it waits for, as words, such as `after reduce`. */
  upstreams: readonly string[];
  jobs: JobsDigest;
}

/** The stages of a flow in topological order, as they were posted last. */
export interface FlowSpec {
  stages: readonly StageSpec[];
}

const texts = v.array(v.string());
const Spec = v.object({
  stages: v.optional(
    v.array(
      v.object({
        ...{ name: v.string(), run: v.string(), options: texts, upstreams: texts },
        jobs: v.object({ count: v.number(), partJobs: v.number(), parts: texts }),
      }),
    ),
    [],
  ),
});

/** The spec of a flow as it is stored; without stages if a program posted it by SQL. */
export const parseSpec = (stored: unknown): FlowSpec => parse(Spec, stored, "spec of a flow");

/** The differences between a stage as it was posted and as it is now; none if it is the same. */
export function stageDifferences(before: StageSpec, now: StageSpec): string[] {
  return [
    ...(before.run === now.run ? [] : [`its entry point was ${before.run}, is ${now.run}`]),
    ...listDifferences("options", before.options, now.options),
    ...listDifferences("upstreams", before.upstreams, now.upstreams),
    ...jobDifferences(before.jobs, now.jobs),
  ];
}

/** The differences between two versions of a flow, each with the name of its stage. */
export function flowDifferences(before: FlowSpec, now: FlowSpec): string[] {
  const named = (spec: FlowSpec) => new Map(spec.stages.map((stage) => [stage.name, stage]));
  const [old, current] = [named(before), named(now)];
  return [
    ...before.stages.flatMap(({ name }) => (current.has(name) ? [] : [`${name}: is missing now`])),
    ...now.stages.flatMap((stage) => {
      const known = old.get(stage.name);
      if (known === undefined) return [`${stage.name}: is new`];
      return stageDifferences(known, stage).map((text) => `${stage.name}: ${text}`);
    }),
  ];
}

function listDifferences(what: string, before: readonly string[], now: readonly string[]) {
  const gone = before.filter((word) => !now.includes(word));
  const added = now.filter((word) => !before.includes(word));
  if (gone.length + added.length === 0) return [];
  const listed = (words: readonly string[]) => words.join(", ") || "none";
  return [`its ${what} were ${listed(before)}, are ${listed(now)}`];
}

function jobDifferences(before: JobsDigest, now: JobsDigest): string[] {
  if (before.count !== now.count) {
    return [`it had ${counted(before.count)}, has ${counted(now.count)}`];
  }
  if (before.partJobs !== now.partJobs || before.parts.length !== now.parts.length) {
    return ["its arguments changed"];
  }
  const changed = now.parts.flatMap((digest, i) => (digest === before.parts[i] ? [] : [i]));
  const [first, last] = [changed[0], changed.at(-1)];
  if (first === undefined || last === undefined) return [];
  if (now.parts.length === 1) return ["its arguments changed"];
  const end = Math.min((last + 1) * now.partJobs, now.count) - 1;
  return [`its arguments changed between job ${first * now.partJobs} and job ${end}`];
}

const counted = (jobs: number) => (jobs === 1 ? "1 job" : `${jobs.toLocaleString("en")} jobs`);
