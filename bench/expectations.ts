// What users can expect of PDOFlow alone: the figures of bench/results that docs/performance.md
// shows as answers to questions.
import { spreadOf } from "./measure.ts";
import { type CaseResult, figure, type Report } from "./result.ts";

interface Expectation {
  question: string;
  of: string;
  /** The answer, by the medians of the case's figures. */
  answer: (median: (name: string) => string) => string;
}

const expectations: readonly Expectation[] = [
  {
    ...{ question: "How much time does PDOFlow add to a job of 10 ms? (two workers)" },
    ...{ of: "overhead" },
    answer: (of) =>
      `${of("sleep 10 ms: overhead")} if it sleeps, ${of("spin 10 ms: overhead")} if it computes`,
  },
  {
    ...{ question: "How much CPU time does a no-op job take? (server, pool and workers)" },
    ...{ of: "footprint" },
    answer: (of) => of("CPU of draining"),
  },
  {
    ...{ question: "How much disk does a no-op job take?", of: "footprint" },
    answer: (of) => `${of("disk, posted")} until it runs, ${of("disk, drained")} after it`,
  },
  {
    ...{ question: "How much does PostgreSQL write to its log for a no-op job?", of: "footprint" },
    answer: (of) => `${of("log of posting")} to post it, ${of("log of draining")} to run it`,
  },
  {
    ...{ question: "How long does it take to post 100 million combinations?", of: "sweep" },
    answer: (of) => `${of("a post by the library")}, and ${of("disk of a posting")} on disk`,
  },
  {
    ...{ question: "How long do ten million no-op jobs take?", of: "ten-million" },
    answer: (of) =>
      `${of("time of posting")} to post, ${of("time of draining")} to run, ` +
      `${of("time of pruning")} to prune`,
  },
  {
    ...{ question: "How fast does `pdoflow post` read an NDJSON file?", of: "post-file" },
    answer: (of) => of("pdoflow post"),
  },
  {
    ...{ question: "How much memory does it use for ten million lines?", of: "post-file" },
    answer: (of) => of("long file: most memory"),
  },
  {
    ...{ question: "How much memory does a pool of 16 workers use? (resident)", of: "memory" },
    answer: (of) =>
      `${of("parent, Rss")}, and ${of("largest worker, Rss")} for each worker; ` +
      `${of("parent, Pss")} and ${of("largest worker, Pss")} if shared pages are split`,
  },
  {
    ...{ question: "How well are 2,000 uneven jobs spread over 16 workers?", of: "uneven" },
    answer: (of) =>
      `${of("over the list schedule in this order")} over the ideal schedule in order`,
  },
  {
    ...{ question: "How much time does `--needs cpus=1` add to a no-op job? (two workers)" },
    ...{ of: "resources" },
    answer: (of) => `${of("cost of --needs for a job")}, at most 5 µs wanted`,
  },
  {
    question: "How much of N times the rate of one pool do N pools reach? (two workers each)",
    of: "pools",
    answer: (of) =>
      [2, 4, 8]
        .map((count) => `${count}: ${of(`${count} pools, of ${count} times one`)}`)
        .join(", "),
  },
  {
    ...{ question: "How long does `pdoflow status` take?", of: "start" },
    answer: (of) => of("pdoflow status"),
  },
  {
    ...{ question: "And beside 100 million ended jobs?", of: "hundred-million" },
    answer: (of) => `${of("status, many")}; a first frame of \`top\`: ${of("top --once, many")}`,
  },
  {
    ...{ question: "How long does it take to prune 100 million ended jobs?" },
    ...{ of: "hundred-million" },
    answer: (of) => of("prune of all"),
  },
  {
    question: "How long do 1,000 elements in two stages take, beside Snakemake 7?",
    of: "flow-elements",
    answer: (of) => `${of("pdoflow beside snakemake")}; Snakemake: ${of("snakemake")}`,
  },
  {
    question: "How does the rate of draining change while an old transaction stays open?",
    of: "old-snapshot",
    answer: (of) => `${of("a pool: last against first")} after ten postings of 300,000 jobs`,
  },
  {
    question: "The same with postings of one job each?",
    of: "old-snapshot-postings",
    answer: (of) => `${of("draining: last of the first")} after ten times 20,000`,
  },
  {
    question: "How does the time of a claim change while an old transaction stays open?",
    of: "old-snapshot-claims",
    answer: (of) => `${of("both: last tenth against first")} after 20,000 claims`,
  },
  {
    question: "How much longer does a claim take with 10 million waiting or ended jobs?",
    of: "claim-flat",
    answer: (of) =>
      `${of("10 million waiting, against 10 thousand")} with waiting jobs, ` +
      `${of("10 million ended, against 10 thousand")} with ended ones`,
  },
];

/** A table of questions and answers, of the newest result of each case. */
export function expectationTable(reports: readonly Report[]): string {
  const cases = reports.flatMap((report) => report.cases);
  const rows = expectations.flatMap(({ question, of, answer }) => {
    const result = cases.findLast(({ name, failure }) => name === of && failure === null);
    return result ? [`| ${question} | ${answer((name) => medianOf(result, name))} |`] : [];
  });
  return ["| question | figure |", "| --- | --- |", ...rows, ""].join("\n");
}

function medianOf({ name: of, checks, series, absent = {} }: CaseResult, name: string): string {
  const found = [...checks, ...series].find((each) => each.name === name);
  const reason = absent[name];
  if (!found && reason !== undefined) return reason;
  if (!found) throw new Error(`expected the figure "${name}" of the case ${of}, found none`);
  return figure(spreadOf(found.values).median, found.unit);
}
