import { format } from "node:util";

import type { ChildOptions } from "../../domain/child-options.ts";
import { type RunTrace, runningTraceparent } from "../../job/attempt-trace.ts";
import type { Share } from "../../domain/ledger.ts";
import type { ScheduledTime } from "../../domain/scheduled-time.ts";
import type { GatheredPage, UpstreamPosting } from "../../domain/upstream.ts";
import { type ArgumentLists, type CurrentJob, noteText } from "../../job/current-job.ts";
import type { JobFunction } from "../../job/job-mark.ts";
import { GatheredResults, GathersNothing } from "../../job/upstream.ts";
import type { ChildCall } from "../wire/child-call.ts";
import { makeJobFolder, removeJobFolder } from "../wire/job-folder.ts";
import { childCall } from "./child-call.ts";
import { identityAt, type JobIdentity, type StopReason } from "../wire/protocol.ts";

/** The shortest time between two reports of progress. */
const progressEveryMs = 250;

/** The reported progress of a job. */
export interface JobProgress {
  /** From 0 to 1. */
  share: number;
  note: string | null;
}

/** What a posting knows of its jobs beside their arguments. */
export interface JobOrigin {
  upstream: UpstreamPosting | null;
  schedule: ScheduledTime | null;
  trace: RunTrace | null;
}

/** Receives the reports of a job. */
export interface JobContextListener {
  /** It has asked for its signal. */
  onSignal(): void;
  onProgress(progress: JobProgress): void;
  /** A line for its stderr, with its end. */
  onLog(line: string): void;
  /** Reads results of its upstream, from an index on. */
  readResults(first: number): Promise<GatheredPage>;
  /** The folder to which entry points are relative. */
  readonly root: string;
  /** The share of the worker; null if its jobs count nothing. */
  readonly share: Share | null;
  /** It posts jobs; resolves with the number of the posting. */
  post(call: ChildCall): Promise<number>;
}

/**
 * The return value of `currentJob()` in one attempt. There may be 100,000 attempts a second, so
 * everything that costs time is created on demand.
 */
export class JobContext implements CurrentJob {
  readonly #ids: readonly number[];
  readonly #position: number;
  readonly #listener: JobContextListener;
  #identity: JobIdentity | null = null;
  #abort: AbortController | null = null;
  #stopped: Error | null = null;
  #isOver = false;
  #folder: string | null = null;
  #next: JobProgress | null = null;
  #sentAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #origin: JobOrigin;
  #gathered: GatheredResults | null = null;
  /** The number of its calls of `post`, and the calls that are under way. */
  #postCount = 0;
  #posting: Set<Promise<number>> | null = null;

  /** For the job at this position of the result of `packIds`. */
  constructor(
    ids: readonly number[],
    position: number,
    listener: JobContextListener,
    origin: JobOrigin = { upstream: null, schedule: null, trace: null },
  ) {
    this.#ids = ids;
    this.#position = position;
    this.#listener = listener;
    this.#origin = origin;
  }

  get id(): string {
    return `${this.posting}/${this.index}`;
  }

  get posting(): number {
    return this.#known.posting;
  }

  get index(): number {
    return this.#known.index;
  }

  get attempt(): number {
    return this.#known.attempt;
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#stopped !== null) this.#abort.abort(this.#stopped);
      else if (!this.#isOver) this.#listener.onSignal();
    }
    return this.#abort.signal;
  }

  get schedule(): CurrentJob["schedule"] {
    const { schedule } = this.#origin;
    return schedule && { name: schedule.name, nominalAt: new Date(schedule.nominalMs) };
  }

  get traceparent(): string | null {
    const { trace } = this.#origin;
    return trace && runningTraceparent(trace, this.#known);
  }

  get resources(): CurrentJob["resources"] {
    const { counts = {}, devices = {} } = this.#listener.share ?? {};
    return Object.fromEntries(
      Object.entries(counts).map(([name, amount]) => {
        const own = devices[name];
        return [name, own ? { amount, devices: own } : { amount }];
      }),
    );
  }

  get tempFolder(): string {
    if (this.#isOver) throw new Error("tempFolder: this job has ended");
    return (this.#folder ??= makeJobFolder());
  }

  get upstream(): GatheredResults {
    const { upstream } = this.#origin;
    if (upstream === null) throw new GathersNothing(this.id);
    return (this.#gathered ??= new GatheredResults(upstream, this.index, async (first) => {
      if (this.#isOver) throw new Error("results: this job has ended");
      return await this.#listener.readResults(first);
    }));
  }

  // Not methods: `const { progress, log } = currentJob()` works.
  get progress() {
    return (share: number, note?: string): void => this.#progress(share, note);
  }

  get log() {
    return (...values: unknown[]): void => this.#listener.onLog(`${format(...values)}\n`);
  }

  get post(): CurrentJob["post"] {
    return (fn: JobFunction | string, rows: ArgumentLists, options: ChildOptions = {}) => {
      const posted = this.#post(fn, rows, options);
      const posting = (this.#posting ??= new Set());
      posting.add(posted);
      const forget = () => void posting.delete(posted);
      posted.then(forget, forget);
      return posted;
    };
  }

  async #post(
    fn: JobFunction | string,
    rows: ArgumentLists,
    options: ChildOptions,
  ): Promise<number> {
    const number = this.#postCount++;
    const { traceparent } = this;
    const traced = traceparent === null ? options : { traceparent, ...options };
    const call = this.#isOver ? null : await childCall(this.#listener.root, fn, rows, traced);
    if (call === null || this.#isOver) throw new Error("post: this job has ended");
    return await this.#listener.post({ number, ...call });
  }

  /** Whether calls of `post` are under way. */
  get isPosting(): boolean {
    return this.#posting !== null && this.#posting.size > 0;
  }

  /** Resolves when all calls of `post` have been answered. @throws the first error of them. */
  async posted(): Promise<void> {
    while (this.isPosting) await Promise.all([...(this.#posting ?? [])]);
  }

  #progress(share: number, note: string | undefined): void {
    if (typeof share !== "number" || !(share >= 0 && share <= 1)) {
      throw new RangeError(`progress: expected a share from 0 to 1, found ${String(share)}`);
    }
    if (this.#isOver) return;
    this.#next = { share, note: note === undefined ? null : noteText(note) };
    const waitMs = this.#sentAt + progressEveryMs - performance.now();
    if (waitMs <= 0) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), waitMs);
  }

  /** Fires its signal. */
  stop({ name, message }: StopReason): void {
    if (this.#isOver || this.#stopped !== null) return;
    this.#stopped = Object.assign(new Error(message), { name });
    this.#abort?.abort(this.#stopped);
  }

  /** The attempt has ended: reports of its code are ignored from now on. */
  end(): void {
    this.#isOver = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#folder !== null) removeJobFolder(this.#folder);
  }

  get #known(): JobIdentity {
    return (this.#identity ??= identityAt(this.#ids, this.#position));
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sentAt = performance.now();
    if (this.#next) this.#listener.onProgress(this.#next);
    this.#next = null;
  }
}
