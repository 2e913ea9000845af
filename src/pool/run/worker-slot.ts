import type { LiveOutput } from "../../db/engine/follow.ts";
import { sizeOfArguments } from "../wire/backlog.ts";
import { type JobRun, type LeasedJob, runOfOne } from "../wire/leased-job.ts";
import { packArgs, packIds } from "../wire/protocol.ts";
import type { RunningAttempt } from "./base-runner.ts";
import type { Termination } from "./runner.ts";
import { chunksPerWorker } from "../wire/shared-page.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** The maximum size of the arguments in a chunk of several jobs … */
export const chunkBytes = 1024 * 1024;
/** … and of arguments that a worker has not received, unless they are one chunk. */
const channelBytes = 4 * chunkBytes;
/** From this size on, the arguments of a running job are not kept. */
const largeBytes = 64 * 1024;
/** A worker that runs a job for this long is not expected to receive more messages. */
const busyMs = 50;

/** Jobs passed to a worker at once; positions that ended or were taken back are `gone`. */
export interface Chunk {
  number: number;
  jobs: LeasedJob[];
  gone: boolean[];
  left: number;
  /** The size of the arguments of its jobs; 0 once they are dropped. */
  bytes: number;
}

/** The job that a worker runs. */
export interface WorkerRun extends RunningAttempt {
  chunk: number;
  position: number;
}

/** One worker: its process, its chunks, and its running job. */
export class WorkerSlot {
  readonly process: WorkerProcess;
  isReady = false;
  /** It gets no more chunks, and is replaced once it has none left. */
  isReplaced = false;
  /** The reason why its running job is being stopped. */
  termination: Termination | null = null;
  running: WorkerRun | null = null;
  jobsEnded = 0;
  readonly #chunks: (Chunk | null)[] = Array.from({ length: chunksPerWorker }, () => null);
  #nextChunk = 0;
  /** Chunks that were sent and may not have been received, even if they were taken back. */
  #sent: { number: number; bytes: number }[] = [];

  constructor(process: WorkerProcess) {
    this.process = process;
  }

  get chunks(): Chunk[] {
    return this.#chunks.filter((chunk) => chunk !== null);
  }

  /** The leases of its jobs. */
  get leases(): Set<number> {
    return new Set(this.chunks.flatMap(({ jobs }) => jobs[0]?.leaseId ?? []));
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
  mayCarry(jobs: readonly LeasedJob[]): boolean {
    const bytes = sizeOfArguments(jobs);
    if (bytes > chunkBytes) return this.isEmpty && this.#bytesInFlight === 0;
    return this.#bytesInFlight + bytes <= channelBytes;
  }

  hand(jobs: LeasedJob[]): void {
    const at = this.#chunks.indexOf(null);
    const number = this.#nextChunk++;
    const bytes = sizeOfArguments(jobs);
    const gone = jobs.map(() => false);
    this.#chunks[at] = { number, jobs, gone, left: jobs.length, bytes };
    this.#sent.push({ number, bytes });
    this.process.page.load(at, number, jobs.length);
    const posting = jobs[0]?.posting;
    if (!posting) return;
    const { entryPoint, keepsResults, keepsOutput } = posting;
    const packed = packArgs(jobs.map((job) => job.args));
    // Such a chunk has one job, and no other chunk is on its way.
    const args = bytes > chunkBytes && this.process.writeArguments(packed) ? null : packed;
    const how = { entryPoint, keepsResults, keepsOutput, startBy: jobs[0]?.startBy ?? null };
    this.process.send({
      kind: "run",
      chunk: number,
      pageIndex: at,
      args,
      ids: packIds(jobs),
      ...how,
    });
  }

  /**
   * Removes the job at a position of a chunk and returns it; null if it cannot have ended: user
   * code may report the end of a job that still runs, or that was not started.
   */
  end(chunkNumber: number, position: number): LeasedJob | null {
    return this.#endAll(chunkNumber, position, 1)?.[0] ?? null;
  }

  /**
   * As `end`, for jobs from a position on that follow each other in one posting, lease and attempt,
   * at most `most` of them.
   */
  endRun(chunkNumber: number, position: number, most: number): JobRun | null {
    const jobs = this.#endAll(chunkNumber, position, most);
    const [first] = jobs ?? [];
    if (!jobs || !first) return null;
    const indexes = first.posting.isSorted ? jobs.map(({ index }) => index) : null;
    return { ...runOfOne(first), count: jobs.length, indexes };
  }

  #endAll(chunkNumber: number, position: number, most: number): LeasedJob[] | null {
    const at = this.#chunks.findIndex((chunk) => chunk?.number === chunkNumber);
    const chunk = this.#chunks[at];
    const first = chunk?.jobs[position];
    if (!chunk || !first) return null;
    const jobs: LeasedJob[] = [];
    for (let i = 0; i < most; i++) {
      const job = chunk.jobs[position + i];
      if (!job || !isNth(first, i, job)) break;
      if (chunk.gone[position + i]) return null;
      jobs.push(job);
    }
    if (!this.process.page.mayHaveEnded(at, chunkNumber, position, jobs.length)) return null;
    chunk.gone.fill(true, position, position + jobs.length);
    chunk.left -= jobs.length;
    if (chunk.left === 0) this.#chunks[at] = null;
    if (chunk.jobs.length === 1) letGoOf(chunk);
    this.jobsEnded += jobs.length;
    return jobs;
  }

  /** The job at a position of a chunk, if it is not gone. */
  peek(chunkNumber: number, position: number): LeasedJob | null {
    const chunk = this.chunks.find(({ number }) => number === chunkNumber);
    return chunk?.gone[position] === false ? (chunk.jobs[position] ?? null) : null;
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
    if (!chunk || chunk.bytes < largeBytes || chunk.jobs.length > 1) return false;
    letGoOf(chunk);
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
  takeSpare(most: number, now: number): LeasedJob[] {
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
  withdraw(most: number, isWanted: (chunk: Chunk) => boolean = () => true): LeasedJob[] {
    const jobs: LeasedJob[] = [];
    for (const [at, chunk] of this.#chunks.entries()) {
      if (!chunk || !isWanted(chunk)) continue;
      const { from, to } = this.process.page.withdraw(at, most - jobs.length);
      for (let position = from; position < Math.min(to, chunk.jobs.length); position++) {
        const job = chunk.jobs[position];
        if (!job || chunk.gone[position]) continue; // user code has written to the shared page
        chunk.gone[position] = true;
        chunk.left--;
        jobs.push(job);
      }
      if (chunk.left === 0) this.#chunks[at] = null;
    }
    return jobs;
  }

  /** Takes back a chunk whose jobs could not run, including the one at `position`. */
  takeBack({ chunk, position }: { chunk: number; position: number }): LeasedJob[] {
    const job = this.end(chunk, position);
    return [...(job ? [job] : []), ...this.withdraw(Infinity, ({ number }) => number === chunk)];
  }

  /** All its jobs that neither ended nor were taken back, in their order. */
  get unfinished(): LeasedJob[] {
    const inOrder = this.chunks.toSorted((a, b) => a.number - b.number);
    return inOrder.flatMap((chunk) => chunk.jobs.filter((_job, i) => !chunk.gone[i]));
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
    const chunk = this.chunks.find(({ number }) => number === seen?.chunk);
    const job = seen && !chunk?.gone[seen.position] ? chunk?.jobs[seen.position] : undefined;
    this.running = seen && job ? { job, ...seen, since: now, progress: null } : null;
    return this.running;
  }
}

/** Whether a job is number `n` after the first one of its posting, lease and attempt. */
const isNth = (first: LeasedJob, n: number, { seq, leaseId, posting, attempt }: LeasedJob) =>
  seq === first.seq + n &&
  leaseId === first.leaseId &&
  posting === first.posting &&
  attempt === first.attempt;

function letGoOf(chunk: Chunk): void {
  if (chunk.bytes < largeBytes) return;
  for (const job of chunk.jobs) job.args = "";
  chunk.bytes = 0;
}
