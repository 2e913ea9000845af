import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import { readTrees } from "../../db/read/family.ts";
import { watchPostings } from "../../db/read/posting-watch.ts";
import { readEdges } from "../../db/read/edges.ts";
import type { PostingCounts } from "../../db/read/status.ts";
import { blockedText, type EdgeFacts } from "../../domain/edge-text.ts";
import { Bell } from "../../domain/bell.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { waitsFor } from "../output/schema-parts.ts";
import { type ExitCode, exitCodes, PostingLost } from "../../domain/errors.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { parseFlags } from "../shell/flags.ts";
import { duration } from "../shell/flag-values.ts";
import { reportFileOf, reportFlag, writeReport } from "../shell/report-writing.ts";
import { PostingProgress } from "../shell/job-progress.ts";
import { countSelected } from "../input/job-pages.ts";
import { WaitHints } from "../diagnosis/wait-hints.ts";
import { findSelected, readSelectors, type Selected } from "../input/select.ts";

const Options = v.object({
  timeout: v.optional(duration),
  until: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^(100|[1-9]?\d)(\.\d+)?%$/, "expected a percentage of the jobs such as 90%"),
      v.transform((text) => Number.parseFloat(text) / 100),
    ),
    "100%",
  ),
});

type Edges = ReadonlyMap<number, readonly EdgeFacts[]>;

interface WaitEnd {
  code: ExitCode;
  waited: readonly { id: number }[];
}

type WaitResult = "ended" | "timed out" | "stopped" | "blocked";

/** The wait was interrupted before the jobs ended. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly by: string;
  constructor(by: string) {
    super(by);
    this.by = by;
  }
}

export class WaitCommand extends PdoflowCommand {
  static override paths = [["wait"]];
  static override usage = Command.Usage({
    description: "wait until postings or jobs have ended",
    details: `
      The exit code is 0 if all jobs ended and none failed. It is 1 if jobs failed, or if a posting
      was stopped because of failures; such a posting ends only when it is resumed or cancelled. It
      is 1, too, if the queue cancelled a posting: for its deadline, because none of its jobs had
      begun in time, or because of --if-blocked. A posting that a person cancelled is no failure. It
      is also 1, at once, if a posting is blocked, because a posting that it waits for
      (\`post --after\`) has failed jobs; the message names the cause and what helps. The exit code
      is 124 after --timeout, 130 after Ctrl-C and 143 after SIGTERM; the postings continue. It is 4
      if a failover of the database has lost a posting: post it again, with the same --key.
    `,
    examples: [
      ["Wait, and show failures if there are any", "$0 wait 42 || $0 failures 42"],
      ["Wait for the first of several postings", "$0 wait --any 42 43 44"],
      ["Wait also for the jobs that its jobs post", "$0 wait --tree 42"],
    ],
  });
  postings = Option.Rest({ name: "posting or job", required: 1 });
  timeout = Option.String("--timeout", {
    description: "give up after this long, such as 10m (default: never)",
  });
  any = Option.Boolean("--any", false, { description: "wait for the first posting, not for all" });
  tree = Option.Boolean("--tree", false, {
    description: "also wait for the postings that the jobs post, and for theirs",
  });
  report = Option.String("--report", { description: reportFlag });
  until = Option.String("--until", {
    description: "wait until P% of the jobs of each posting have ended (default: 100%)",
  });

  async run() {
    parseFlags(Options, this);
    const report = reportFileOf(this, this.report);
    const selectors = await readSelectors(this.postings, this.context.stdin);
    const selected = await this.withDatabase((db) => findSelected(db, selectors));
    const { code, waited } = await this.#wait(selected);
    const isInterrupted = code === exitCodes.interrupted || code === exitCodes.terminated;
    const postings = waited.map(({ id }) => id);
    if (!isInterrupted) await writeReport(this, report, { postings, flows: [] });
    return code;
  }

  /** Returns the exit code, and the postings that it waited for. */
  async #wait(selected: readonly Selected[]): Promise<WaitEnd> {
    const { timeout, until } = parseFlags(Options, this);
    const stop = new AbortController();
    const offSignals = this.context.onStopSignal((signal) => stop.abort(new Interrupted(signal)));
    const timer = setTimeout(
      () => stop.abort(new Interrupted("timeout")),
      Math.min(timeout ?? Infinity, 2 ** 31 - 1), // the longest timer: 24 days
    );
    const progress = new PostingProgress(this, "wait");
    const tokens = new Map<number, number | null>(selected.map(({ id }) => [id, null]));
    let last: readonly PostingCounts[] = [];
    let edges: Edges = new Map();
    const isOver = (counts: readonly PostingCounts[]) => {
      last = counts;
      progress.show({
        ended: sum(counts, endedOf),
        total: sum(counts, totalOf),
        failed: sum(counts, ({ failed }) => failed),
      });
      // A posting ends a moment after its last job.
      const isFar = (one: PostingCounts) => (until < 1 ? endedShare(one) >= until : one.isEnded);
      const isDone = (one: PostingCounts) => isStopped(one) || one.isBlocked || isFar(one);
      return this.any ? counts.some(isDone) : counts.every(isDone);
    };
    try {
      const hints = new WaitHints((line) => this.#hint(line));
      await watchPostings({
        check: async (db) => {
          const counts = await countSelected(db, this.tree ? await below(db, selected) : selected);
          requireSame(tokens, counts);
          await hints.check(db, counts);
          if (!isOver(counts)) return undefined;
          const ids = this.json ? counts : counts.filter(({ isBlocked }) => isBlocked);
          edges = await readEdges(
            db,
            ids.map(({ id }) => id),
          );
          return counts;
        },
        concerns: (id) => id === null || this.tree || tokens.has(id),
        bell: new Bell(),
        signal: stop.signal,
        withDatabase: (work) => this.withDatabase(work),
      });
      progress.end();
      const isBlocked = last.some((one) => one.isBlocked);
      const end = last.some(isStopped) ? "stopped" : isBlocked ? "blocked" : "ended";
      return { code: this.#report(last, edges, end), waited: last };
    } catch (error) {
      progress.end();
      if (!(error instanceof Interrupted)) throw error;
      // The timeout may pass before the first check.
      const waited = last.length === 0 ? selected : last;
      return { code: this.#interrupted(error.by, last), waited };
    } finally {
      clearTimeout(timer);
      offSignals();
    }
  }

  #hint(line: string): void {
    this.say(`${this.json ? "" : "pdoflow wait: "}${line}`);
  }

  #interrupted(by: string, last: readonly PostingCounts[]): ExitCode {
    const open = last.filter(({ isEnded }) => !isEnded).map(({ id }) => id);
    this.say(`${this.json ? "" : "pdoflow wait: "}these postings continue: ${open.join(", ")}`);
    if (by === "timeout") {
      this.#report(last, new Map(), "timed out");
      return exitCodes.timedOut;
    }
    return by === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
  }

  #report(counts: readonly PostingCounts[], edges: Edges, end: WaitResult): ExitCode {
    if (this.json) {
      this.printJson(outputSchemas.wait, {
        end,
        postings: counts.map((one) => ({
          ...one,
          jobs: one,
          waitsFor: waitsFor(edges.get(one.id)),
        })),
      });
    } else for (const one of counts) this.say(sentence(one, edges.get(one.id) ?? []));
    const hasFailed = counts.some(
      (one) => one.failed > 0 || isStopped(one) || one.isBlocked || hasGivenUp(one),
    );
    return hasFailed ? exitCodes.jobsFailed : exitCodes.ok;
  }
}

/**
 * Remembers the tokens of the postings that are waited for; null before the first check.
 *
 * @throws {PostingLost} one of them has gone, or another one has its number.
 */
function requireSame(tokens: Map<number, number | null>, counts: readonly PostingCounts[]): void {
  const found = new Map(counts.map(({ id, token }) => [id, token]));
  for (const [id, before] of tokens) {
    const now = found.get(id);
    if (now === undefined) throw new PostingLost(id, "none");
    if (before !== null && now !== before) throw new PostingLost(id, "another one");
    tokens.set(id, now);
  }
}

const endedOf = ({ done, failed, cancelled }: PostingCounts) => done + failed + cancelled;

const totalOf = (one: PostingCounts) => endedOf(one) + one.waiting + one.running + one.retrying;

const sum = (counts: readonly PostingCounts[], countOf: (one: PostingCounts) => number) =>
  counts.reduce((all, one) => all + countOf(one), 0);

const endedShare = (one: PostingCounts) => (one.isEnded ? 1 : endedOf(one) / totalOf(one));

/** A stopped posting ends only when it is resumed or cancelled. */
const isStopped = ({ state }: PostingCounts) => state === "errored_out";

/** The queue cancelled it, and with it some of the jobs that are waited for. */
const hasGivenUp = (one: PostingCounts) =>
  one.gaveUp && one.state === "cancelled" && (one.cancelled > 0 || totalOf(one) === 0);

/** "posting 42 finished: 98 done, 2 failed; why: pdoflow failures 42" */
function sentence(one: PostingCounts, edges: readonly EdgeFacts[]): string {
  const { id, state, reason, failed } = one;
  if (one.isBlocked) return `posting ${id} ${blockedText(id, edges) ?? "is no longer blocked"}`;
  const parts = (["done", "failed", "cancelled", "retrying", "running", "waiting"] as const)
    .filter((status) => one[status] > 0)
    .map((status) => `${one[status].toLocaleString("en")} ${status}`);
  const why = failed > 0 ? `; why: pdoflow failures ${id}` : "";
  const stopped = isStopped(one)
    ? ` (${reason ?? "no reason given"}; resume with: pdoflow resume ${id})`
    : hasGivenUp(one) && reason !== null
      ? ` (${reason})`
      : "";
  return `posting ${id} is ${state}${stopped}: ${parts.join(", ") || "it has no jobs"}${why}`;
}

/** The selected jobs, and all jobs of the postings below their postings. */
async function below(db: Db, selected: readonly Selected[]): Promise<Selected[]> {
  const own = new Set(selected.map(({ id }) => id));
  const others = (await readTrees(db, [...own])).filter((id) => !own.has(id));
  return [...selected, ...others.map((id) => ({ id, indices: null }))];
}
