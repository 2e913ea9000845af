import type { Share } from "../../domain/ledger.ts";
import { runTrace } from "../../job/attempt-trace.ts";
import type { LiveOutput } from "../../db/engine/follow.ts";
import type { JobRun, LeasedJob } from "../wire/leased-job.ts";
import type { LeasedRun, RunList } from "../wire/leased-run.ts";
import { ChildCallParts } from "../wire/child-call.ts";
import { packIds } from "../wire/protocol.ts";
import { chunksPerWorker } from "../wire/shared-page.ts";
import type { RunningAttempt } from "./base-runner.ts";
import { AttemptWatch } from "./attempt-watch.ts";
import { Chunk } from "./chunk.ts";
import type { SpentCpu } from "../wire/ends.ts";
import { ResultParts } from "./result-parts.ts";
import type { Termination } from "./runner.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** The maximum size of the arguments in a chunk of several jobs … */
export const chunkBytes = 1024 * 1024;
/** … and of arguments that a worker has not received, unless they are one chunk. */
const channelBytes = 4 * chunkBytes;
/** From this size on, the arguments of a running job are not kept. */
const largeBytes = 64 * 1024;
/** A worker that runs a job for this long is not expected to receive more messages. */
const busyMs = 50;

/** The job that a worker runs. */
export interface WorkerRun extends RunningAttempt {
  chunk: number;
  position: number;
  watch: AttemptWatch;
}

/** One worker: its process, its chunks, and its running job. */
export class WorkerSlot {
  readonly process: WorkerProcess;
  /** Its number among the workers of the pool, from 1. */
  readonly number: number;
  isReady = false;
  /** It gets no more chunks, and is replaced once it has none left. */
  isReplaced = false;
  /** The reason why its running job is being stopped. */
  termination: Termination | null = null;
  running: WorkerRun | null = null;
  /** The results of upstreams that its job reads. */
  readonly results = new ResultParts();
  jobsEnded = 0;
  /** The CPU time that it has used before its running job. */
  spentCpu: SpentCpu = null;
  /** The jobs that its running job posts, and whether that is under way. */
  readonly calls = new ChildCallParts();
  isPosting = false;
  /** Its share of the resources, if its jobs count what they take. */
  readonly share: Share | null;
  /** Whether its share is taken: it has jobs, or is about to get some. */
  holdsShare = false;
  readonly #chunks: (Chunk | null)[] = Array.from({ length: chunksPerWorker }, () => null);
  #nextChunk = 0;
  /** Chunks that were sent and may not have been received, even if they were taken back. */
  #sent: { number: number; bytes: number }[] = [];

  constructor(process: WorkerProcess, number: number, share: Share | null = null) {
    this.process = process;
    this.number = number;
    this.share = share;
  }

  get chunks(): Chunk[] {
    return this.#chunks.filter((chunk) => chunk !== null);
  }

  /** The leases of its jobs. */
  get leases(): Set<number> {
    return new Set(this.chunks.flatMap(({ first }) => first?.leaseId ?? []));
  }

  get isEmpty(): boolean {
    return this.#chunks.every((chunk) => chunk === null);
  }

  /** Whether it can take one more chunk now: one to run or, with `ahead`, one behind it. */
  hasRoom(ahead: boolean): boolean {
    if (!this.isReady || this.isReplaced || this.termination) return false;
    return this.isEmpty || (ahead && this.#chunks.includes(null));
  }

  /** Whether the arguments of these jobs may be sent now, before earlier ones are received. */
  mayCarry({ bytes }: RunList): boolean {
    if (bytes > chunkBytes) return this.isEmpty && this.#bytesInFlight === 0;
    return this.#bytesInFlight + bytes <= channelBytes;
  }

  hand(jobs: RunList): void {
    const { first, args, bytes } = jobs;
    if (!first) return;
    const pageIndex = this.#chunks.indexOf(null);
    const chunk = this.#nextChunk++;
    this.#chunks[pageIndex] = new Chunk(chunk, jobs);
    this.#sent.push({ number: chunk, bytes });
    const { startBy, posting } = first;
    this.process.limitMemory(posting.entryPoint);
    this.process.page.load(pageIndex, chunk, jobs.count);
    const { entryPoint, keepsResults, keepsOutput, upstream, schedule } = posting;
    const trace = runTrace(posting, this.process.trace);
    // Such a chunk has one job, and no other chunk is on its way.
    const isInFile = bytes > chunkBytes && this.process.writeArguments(args);
    this.process.send({
      ...{ kind: "run", chunk, pageIndex, args: isInFile ? null : args, ids: packIds(jobs.runs) },
      ...{ entryPoint, keepsResults, keepsOutput, upstream, schedule, trace, startBy },
    });
  }

  /**
   * Removes the job at a position of a chunk and returns it; null if it cannot have ended: user
   * code may report the end of a job that still runs, or that was not started.
   */
  end(chunkNumber: number, position: number): LeasedJob | null {
    const job = this.peek(chunkNumber, position);
    return job && this.endRun(chunkNumber, position, 1) && job;
  }

  /** As `end`, for jobs of one run from a position on, at most `most` of them. */
  endRun(chunkNumber: number, position: number, most: number): JobRun | null {
    const at = this.#chunks.findIndex((chunk) => chunk?.number === chunkNumber);
    const chunk = this.#chunks[at];
    const run = chunk?.next(position, most);
    if (!chunk || !run) return null;
    if (!this.process.page.mayHaveEnded(at, chunkNumber, position, run.count)) return null;
    chunk.ended(run);
    if (chunk.isEmpty) this.#chunks[at] = null;
    this.jobsEnded += run.count;
    return run;
  }

  /** The job at a position of a chunk, if it has not ended and was not taken back. */
  peek(chunkNumber: number, position: number): LeasedJob | null {
    return this.chunks.find(({ number }) => number === chunkNumber)?.at(position) ?? null;
  }

  /** The number of bytes of arguments in the channel, as far as is known. */
  get #bytesInFlight(): number {
    const received = Math.min(this.process.page.received(), this.#nextChunk - 1);
    while ((this.#sent[0]?.number ?? Infinity) <= received) this.#sent.shift();
    return this.#sent.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The number of bytes of its jobs' arguments that are kept here. */
  get bytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + (chunk?.bytes ?? 0), 0);
  }

  /** Drops the arguments of the running job if they are large. Returns whether it did. */
  dropArguments(): boolean {
    const chunk = this.chunks.find(({ number }) => number === this.running?.chunk);
    if (!chunk || chunk.bytes < largeBytes || chunk.count > 1) return false;
    chunk.dropArguments();
    return true;
  }

  /**
   * The number of its jobs that it has not started and another worker may run. Jobs in the channel
   * are about to start, unless the worker is busy: taking them back would send them again and
   * again.
   */
  spare(now: number): number {
    const mayTake = this.#maySpare(now);
    return this.#chunks.reduce(
      (sum, chunk, at) => sum + (chunk && mayTake(chunk) ? this.process.page.unstarted(at) : 0),
      0,
    );
  }

  /** Takes back at most `most` of these. */
  takeSpare(most: number, now: number): LeasedRun[] {
    return this.withdraw(most, this.#maySpare(now));
  }

  #maySpare(now: number): (chunk: Chunk) => boolean {
    const received = this.process.page.received();
    const running = this.poll(now);
    const isBusy = running !== null && now - running.since >= busyMs;
    return ({ number }) => number <= received || (isBusy && running.chunk !== number);
  }

  /**
   * Takes back up to `most` jobs that the worker has not started, the last ones first; of some
   * chunks or of all.
   */
  withdraw(most: number, isWanted: (chunk: Chunk) => boolean = () => true): LeasedRun[] {
    const runs: LeasedRun[] = [];
    let left = most;
    for (const [at, chunk] of this.#chunks.entries()) {
      if (!chunk || !isWanted(chunk)) continue;
      const { from, to } = this.process.page.withdraw(at, left);
      if (from === to) continue;
      runs.push(...chunk.takeFrom(from));
      left -= to - from;
      if (chunk.isEmpty) this.#chunks[at] = null;
    }
    return runs;
  }

  /** Takes back a chunk whose jobs could not run, including the one at `position`. */
  takeBack({ chunk, position }: { chunk: number; position: number }): JobRun[] {
    const run = this.endRun(chunk, position, 1);
    const others = this.withdraw(Infinity, ({ number }) => number === chunk);
    return run ? [run, ...others] : others;
  }

  /** All its jobs that neither ended nor were taken back, in their order. */
  get unfinished(): LeasedRun[] {
    const inOrder = this.chunks.toSorted((a, b) => a.number - b.number);
    return inOrder.flatMap((chunk) => chunk.unfinished);
  }

  /** A run of the newest chunk. */
  get newest(): JobRun | undefined {
    return this.chunks.toSorted((a, b) => b.number - a.number)[0]?.first;
  }

  /** The output of its running job so far, if the job belongs to one of these postings. */
  output(postings: readonly number[]): LiveOutput | null {
    const now = performance.now();
    const running = this.poll(now);
    if (!running || !postings.includes(running.job.posting.id)) return null;
    const { stdout, stderr } = this.process.output.live();
    if (this.poll(now) !== running) return null; // it may belong to another job
    const { posting, seq, attempt } = running.job;
    return { posting: posting.id, seq, attempt, stdout, stderr };
  }

  /** Reads from the shared page which job runs now. */
  poll(now: number): WorkerRun | null {
    const seen = this.process.page.running();
    const before = this.running;
    if (seen && before?.chunk === seen.chunk && before.position === seen.position) return before;
    const job = seen && this.peek(seen.chunk, seen.position);
    const { pid } = this.process;
    this.running =
      seen && job
        ? { job, ...seen, since: now, progress: null, watch: new AttemptWatch(pid, job) }
        : null;
    return this.running;
  }
}
