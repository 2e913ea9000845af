import type { JobError } from "../domain/attempt.ts";
import { chunkSize, type JobTime } from "../domain/chunk-size.ts";
import type { RunnablePosting } from "../db/leases.ts";
import type { End, WorkerMessage } from "./protocol.ts";
import { chunksPerWorker } from "./shared-page.ts";
import { WorkerProcess, type WorkerOptions } from "./worker-process.ts";

/** A leased job in the hands of this pool. */
export interface HeldJob {
  leaseId: number;
  posting: RunnablePosting;
  seq: number;
  attempt: number;
  args: string;
}

/** What a worker was handed at once; positions that ended or were taken back are `gone`. */
interface Chunk {
  number: number;
  jobs: HeldJob[];
  gone: boolean[];
  left: number;
}

interface Slot {
  process: WorkerProcess;
  isReady: boolean;
  chunks: (Chunk | null)[];
  nextChunk: number;
}

export interface DispatcherListener {
  onEnd(job: HeldJob, end: End, workerPid: number): void;
  /** The job was in the hands of a worker that died. */
  onLost(job: HeldJob, reason: JobError, workerPid: number): void;
  /** Some worker has room. */
  onHungry(): void;
  jobTime(entryPoint: string): JobTime | null;
}

/** Jobs shorter than this are handed out ahead, so that no worker waits for its pool. */
const aheadBelowMs = 50;
const stealEveryMs = 50;
const respawnMs = 1_000;

/** Keeps worker processes alive and shares the jobs at hand out among them. */
export class Dispatcher {
  #slots: Slot[] = [];
  /** First in, first out; a list holds jobs of one entry point. */
  #backlog: HeldJob[][] = [];
  #isStopping = false;
  readonly #stealing: Timer;
  readonly #workers: number;
  readonly #options: WorkerOptions;
  readonly #listener: DispatcherListener;

  constructor(workers: number, options: WorkerOptions, listener: DispatcherListener) {
    this.#workers = workers;
    this.#options = options;
    this.#listener = listener;
    for (let i = 0; i < workers; i++) this.#slots.push(this.#spawn(i));
    this.#stealing = setInterval(() => this.#steal(), stealEveryMs);
  }

  /** Jobs that no worker has been handed. */
  get backlog(): number {
    return this.#backlog.reduce((sum, jobs) => sum + jobs.length, 0);
  }

  /** Workers that have nothing to do. */
  get idle(): number {
    return this.#slots.filter((slot) => slot.isReady && isEmpty(slot)).length;
  }

  /** Jobs that workers have been handed and that have not ended. */
  get inHand(): number {
    return this.#slots.flatMap((slot) => slot.chunks).reduce((sum, c) => sum + (c?.left ?? 0), 0);
  }

  /** Takes jobs of one entry point, to be run after those that are there already. */
  add(jobs: HeldJob[]): void {
    if (jobs.length > 0) this.#backlog.push(jobs);
    this.fill();
  }

  /** Hands out what is there to workers that have room. */
  fill(): void {
    for (let depth = 0; depth < chunksPerWorker; depth++) {
      for (const slot of this.#slots) {
        const jobs = this.#backlog[0];
        if (!jobs) return;
        const free = slot.chunks.indexOf(null);
        if (!slot.isReady || free < 0) continue;
        const time = this.#listener.jobTime(jobs[0]?.posting.entryPoint ?? "");
        const isShort = time !== null && time.meanMs + time.deviationMs < aheadBelowMs;
        if (!isEmpty(slot) && (depth === 0 || !isShort)) continue;
        this.#hand(slot, free, jobs.splice(0, chunkSize(time, jobs.length, this.#workers)));
        if (jobs.length === 0) this.#backlog.shift();
      }
    }
  }

  /** Takes back all jobs that no worker has started, for which `isWanted`, to be given back. */
  recall(isWanted: (job: HeldJob) => boolean): HeldJob[] {
    const jobs: HeldJob[] = this.#slots.flatMap((slot) => recallFrom(slot, Infinity));
    const all = [...jobs, ...this.#backlog.flat()];
    this.#backlog = [];
    const rest = all.filter((job) => !isWanted(job));
    for (const list of byEntryPoint(rest)) this.#backlog.push(list);
    return all.filter(isWanted);
  }

  /** The jobs that workers have started, or finished without having told yet. */
  started(): HeldJob[] {
    return this.#slots.flatMap(({ chunks }) =>
      chunks.flatMap((chunk) => chunk?.jobs.filter((_job, i) => !chunk.gone[i]) ?? []),
    );
  }

  /** Ends the workers: asks, and after `graceMs` insists. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#stealing);
    const gone = Promise.all(this.#slots.map((slot) => slot.process.exited));
    for (const slot of this.#slots) slot.process.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), graceMs);
    await gone;
    clearTimeout(timer);
  }

  kill(): void {
    for (const slot of this.#slots) slot.process.kill("SIGKILL");
  }

  #spawn(index: number): Slot {
    const slot: Slot = {
      process: new WorkerProcess(this.#options, {
        onMessage: (message) => this.#receive(slot, message),
        onDeath: (reason) => this.#bury(index, slot, reason),
      }),
      isReady: false,
      chunks: Array.from({ length: chunksPerWorker }, () => null),
      nextChunk: 0,
    };
    return slot;
  }

  #hand(slot: Slot, at: number, jobs: HeldJob[]): void {
    const number = slot.nextChunk++;
    slot.chunks[at] = { number, jobs, gone: jobs.map(() => false), left: jobs.length };
    slot.process.page.load(at, number, jobs.length);
    const entryPoint = jobs[0]?.posting.entryPoint ?? "";
    const args = jobs.map((job) => job.args);
    slot.process.send({ kind: "run", chunk: number, slot: at, entryPoint, args });
  }

  #receive(slot: Slot, message: WorkerMessage): void {
    if (message.kind === "ready") slot.isReady = true;
    if (message.kind === "ended") this.#end(slot, message.chunk, message.ends);
    this.fill();
    this.#listener.onHungry();
  }

  #end(slot: Slot, number: number, ends: readonly End[]): void {
    const at = slot.chunks.findIndex((chunk) => chunk?.number === number);
    const chunk = slot.chunks[at];
    for (const end of ends) {
      const job = chunk?.jobs[end[0]];
      if (!chunk || !job || chunk.gone[end[0]]) {
        slot.process.kill("SIGKILL"); // user code spoke for jobs that it was not handed
        return;
      }
      chunk.gone[end[0]] = true;
      chunk.left--;
      this.#listener.onEnd(job, end, slot.process.pid);
    }
    if (chunk?.left === 0) slot.chunks[at] = null;
  }

  /** Of a dead worker's jobs, the one that it ran is lost; the rest goes to the other workers. */
  #bury(index: number, slot: Slot, reason: JobError): void {
    const running = slot.process.page.running();
    const rest: HeldJob[] = [];
    for (const chunk of slot.chunks) {
      for (const [position, job] of chunk?.jobs.entries() ?? []) {
        if (chunk?.gone[position]) continue;
        const wasRunning = running?.chunk === chunk?.number && running?.position === position;
        if (wasRunning) this.#listener.onLost(job, reason, slot.process.pid);
        else rest.push(job);
      }
    }
    this.#backlog.unshift(...byEntryPoint(rest));
    slot.chunks.fill(null);
    slot.isReady = false;
    if (this.#isStopping) return;
    const respawn = () => {
      if (!this.#isStopping) this.#slots[index] = this.#spawn(index);
    };
    // One that never came up would come down again at once.
    if (running || rest.length > 0) respawn();
    else setTimeout(respawn, respawnMs);
    this.fill();
    this.#listener.onHungry();
  }

  /** While one worker has nothing to do, takes half of what the fullest one has not started. */
  #steal(): void {
    if (this.#backlog.length > 0 || this.idle === 0) return;
    const unstarted = ({ chunks, process }: Slot) =>
      chunks.reduce((sum, chunk, at) => sum + (chunk ? process.page.unstarted(at) : 0), 0);
    const fullest = this.#slots.toSorted((a, b) => unstarted(b) - unstarted(a))[0];
    if (!fullest || unstarted(fullest) === 0) return;
    this.#backlog.push(...byEntryPoint(recallFrom(fullest, Math.ceil(unstarted(fullest) / 2))));
    this.fill();
  }
}

const isEmpty = (slot: Slot) => slot.chunks.every((chunk) => chunk === null);

/** Takes back up to `most` jobs that the worker has not started, the last ones first. */
function recallFrom(slot: Slot, most: number): HeldJob[] {
  const jobs: HeldJob[] = [];
  for (const [at, chunk] of slot.chunks.entries()) {
    if (!chunk) continue;
    const { from, to } = slot.process.page.recall(at, most - jobs.length);
    for (let position = from; position < Math.min(to, chunk.jobs.length); position++) {
      const job = chunk.jobs[position];
      if (!job || chunk.gone[position]) continue; // user code has written to the shared page
      chunk.gone[position] = true;
      chunk.left--;
      jobs.push(job);
    }
    if (chunk.left === 0) slot.chunks[at] = null;
  }
  return jobs;
}

/** Lists of jobs that share an entry point, in the order in which they come. */
function byEntryPoint(jobs: readonly HeldJob[]): HeldJob[][] {
  const lists: HeldJob[][] = [];
  for (const job of jobs) {
    const last = lists.at(-1);
    if (last?.[0]?.posting.entryPoint === job.posting.entryPoint) last.push(job);
    else lists.push([job]);
  }
  return lists;
}
