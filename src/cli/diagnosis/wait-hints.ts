import type { Db } from "../../db/connection/connect.ts";
import { findOfRuns } from "../../db/engine/routes.ts";
import { readEdges } from "../../db/read/edges.ts";
import { type PostingCounts, readPostingCounts } from "../../db/read/status.ts";
import { waitText } from "../../domain/edge-text.ts";
import { obstacleLines } from "./obstacles.ts";
import { silenceLines } from "./silent-pools.ts";

/** Long enough for a pool to start, and to refuse a posting. */
const hintAfterMs = 1_500;
const hintEveryMs = 5_000;

/** A posting that a command waits for. */
export type AwaitedPosting = Omit<PostingCounts, "token" | "isBlocked" | "gaveUp">;

/** Reports why no pool runs the jobs that a command waits for, each reason once. */
export class WaitHints {
  readonly #say: (line: string) => void;
  readonly #said = new Set<string | number>();
  #checkAt = performance.now() + hintAfterMs;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  async check(db: Db, counts: readonly AwaitedPosting[]): Promise<void> {
    if (performance.now() < this.#checkAt) return;
    this.#checkAt = performance.now() + hintEveryMs;
    const idle = counts.filter(({ isEnded, running }) => !isEnded && running === 0);
    const busy = counts.filter(({ isEnded }) => !isEnded).map((one) => ({ id: one.id, jobs: one }));
    for (const [id, line] of await silenceLines(db, busy)) this.#sayOnce(line, `silence ${id}`);
    const upstreams = await this.#checkWaiting(db, idle);
    const lines = await obstacleLines(
      db,
      [...idle, ...upstreams].map((one) => ({ id: one.id, jobs: one })),
    );
    for (const line of [...(await pausedLines(db, [...counts, ...upstreams])), ...lines]) {
      this.#sayOnce(line);
    }
  }

  /** Reports what postings wait for, and returns their unfinished upstreams. */
  async #checkWaiting(db: Db, idle: readonly AwaitedPosting[]): Promise<AwaitedPosting[]> {
    const waiting = idle.filter(({ waits }) => waits).map(({ id }) => id);
    const edges = await readEdges(db, waiting);
    for (const [id, own] of edges) this.#sayOnce(`posting ${id} waits for ${waitText(own)}`, id);
    const unmet = [...edges.values()].flat().filter(({ state }) => state === "waiting");
    const upstreams = await readPostingCounts(
      db,
      unmet.map(({ upstreamId }) => upstreamId),
    );
    for (const { id, state } of upstreams) {
      if (state !== "errored_out") continue;
      this.#sayOnce(
        `posting ${id} was stopped because of failures; resume it with: pdoflow resume ${id}`,
      );
    }
    return upstreams.filter(({ isEnded, running }) => !isEnded && running === 0);
  }

  #sayOnce(line: string, key: string | number = line): void {
    if (!this.#said.has(key)) this.#say(line);
    this.#said.add(key);
  }
}

/** Paused postings end only after they were resumed. */
async function pausedLines(db: Db, counts: readonly AwaitedPosting[]): Promise<string[]> {
  const paused = counts.filter(({ state, isEnded }) => state === "paused" && !isEnded);
  if (paused.length === 0) return [];
  const ofRuns = await findOfRuns(
    db,
    paused.map(({ id }) => id),
  );
  return paused.map(({ id, reason }) => {
    const why = reason === null ? "" : ` (${reason})`;
    const command = ofRuns.includes(id) ? "pdoflow run --resume" : "pdoflow resume";
    return `posting ${id} is paused${why}; resume it with: ${command} ${id}`;
  });
}
