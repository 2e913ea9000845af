import { closeSync } from "node:fs";

import { notificationEntryPoint } from "../../domain/notification.ts";
import type { Share } from "../../domain/ledger.ts";
import { commandEntryPoint, CommandsNotAllowed } from "./command-line.ts";
import { attempt } from "./attempt.ts";
import { bunResolve } from "../entry/bun-resolve.ts";
import { provideLegacyDecorators } from "../entry/legacy-decorators.ts";
import { ChildRequests } from "./child-requests.ts";
import { JobContext, type JobContextListener } from "./job-context.ts";
import { type EntryFunction, loadPosted } from "../entry/load-entry-point.ts";
import { missingCode } from "./missing-code.ts";
import { type AttemptResult, ResultPacker } from "../wire/ends.ts";
import {
  type PackedMessage,
  type PoolMessage,
  type RunMessage,
  unpackArgs,
} from "../wire/protocol.ts";
import { takeArguments } from "../wire/argument-file.ts";
import { ResultRequests } from "./result-requests.ts";
import { Sampler } from "./sampler.ts";
import { SharedPage } from "../wire/shared-page.ts";
import { type CommandWorker, commandRunner } from "./shell-command.ts";
import { UsageMeter } from "./usage-meter.ts";
import { stopNewsMs } from "../../domain/stop-signals.ts";
import { measuredAloneMs, measuredLater } from "../../domain/attempt-usage.ts";
import { provideVirtualPackage } from "./virtual-package.ts";
import { WorkerOutput } from "./worker-output.ts";
import { type Host, WorkerState } from "./worker-state.ts";

// Taken before any user code runs, because user code may replace them.
const now = performance.now.bind(performance);
const { now: dateNow } = Date;
const OwnPromise = Promise;
const nextTurn = setImmediate;
const startTimer = setTimeout;
const stopTimer = clearTimeout;

/** Ends are sent together, but none waits longer than this behind short jobs that follow it. */
const sendAfterMs = 2;

/**
 * After a job of this length everything is restored; after shorter ones only the globals with which
 * the worker reports.
 */
const longMs = 1;

/** The open file with the shared page of the worker … */
const pageFile = 3;
/** … and the one for large arguments. */
const argumentFile = 4;

export interface WorkerContext {
  root: string;
  /** Whether it runs commands, in the pool of a `pdoflow run` or with `pool --commands`. */
  runsCommands: boolean;
  /** The folder of the receivers that it notifies; null for none. */
  notifyFrom: string | null;
  /** The number of the worker in its pool. */
  slot: string;
  /** Its share of the resources of its pool; null if its jobs count nothing. */
  share: Share | null;
  /** The share of the jobs to profile; 0 for none. */
  profiles: number;
  /** The process that it is. */
  host: Host;
  /** Confines the process, if that was requested. */
  confine: () => void;
  /** The result of importing "pdoflow" in user code. */
  api: Record<string, unknown>;
  send: (message: PackedMessage) => void;
  onMessage: (listener: (message: PoolMessage) => void) => void;
}

/** The life of a worker process: runs the chunks of its pool, until the pool has ended. */
export function runWorker(context: WorkerContext): void {
  provideVirtualPackage(context.api);
  const page = SharedPage.inherited(pageFile);
  // It stays mapped. A job that makes the file shorter would crash the pool.
  closeSync(pageFile);
  const output = new WorkerOutput();
  const state = new WorkerState(context.host, () => page.receiveStopSignal());
  context.confine(); // from here on only what is open already, before any user code
  const meter = UsageMeter.open();
  const sampler = context.profiles > 0 ? new Sampler(context.profiles, context.root) : null;
  const running: ActiveJob = {
    ...{ chunk: -1, position: -1, context: null },
    ...{ stopped: null, onStop: null },
  };
  const requests = new ResultRequests(context.send);
  const children = new ChildRequests(context.send);
  const chunks: ReceivedChunk[] = [];
  let isRunning = false;
  const pump = async () => {
    if (isRunning) return;
    isRunning = true;
    for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) {
      await runChunk(
        context,
        { page, output, running, requests, children, sampler, state, meter },
        chunk,
      );
      // Processes messages that came while jobs kept this thread busy.
      await new OwnPromise<void>((resolve) => nextTurn(resolve));
    }
    isRunning = false;
  };
  context.onMessage((message) => {
    if (message.kind === "emptied") return output.onEmptied();
    if (message.kind === "results") return requests.receive(message);
    if (message.kind === "posted") return children.receive(message);
    if (message.kind === "stop") {
      const isIt = message.chunk === running.chunk && message.position === running.position;
      if (!isIt) return; // it has ended in the meantime
      running.stopped = running.context;
      running.onStop?.();
      running.context?.stop(message.reason);
      return;
    }
    // Before the pool may write the next ones.
    const args = message.args === null ? [takeArguments(argumentFile)] : unpackArgs(message.args);
    page.receive(message.chunk);
    chunks.push({ ...message, args });
    void pump();
  });
  state.adopt(); // the listener for messages: a command loads nothing after which it would be
  context.send({ kind: "ready", spentCpu: meter?.spentCpu ?? null });
}

type ReceivedChunk = Omit<RunMessage, "args"> & { args: string[] };

/** The running job. */
interface ActiveJob {
  chunk: number;
  position: number;
  context: JobContext | null;
  /** The last one that the pool has asked to stop … */
  stopped: JobContext | null;
  /** … and the function to be called then. */
  onStop: (() => void) | null;
}

/**
 * After a failure. If a stop signal may have caused it, resolves when the pool stops the job, or
 * would have reported a signal of its own by now.
 */
async function stopNews(
  failure: Pick<AttemptResult, "isByStopSignal">,
  running: ActiveJob,
  page: SharedPage,
): Promise<void> {
  failure.isByStopSignal ||= page.hasStopSignal(running);
  if (!failure.isByStopSignal || running.stopped === running.context) return;
  await new OwnPromise<void>((resolve) => {
    running.onStop = resolve;
    startTimer(resolve, stopNewsMs);
  });
  running.onStop = null;
}

interface ChunkContext {
  page: SharedPage;
  output: WorkerOutput;
  running: ActiveJob;
  requests: ResultRequests;
  children: ChildRequests;
  sampler: Sampler | null;
  state: WorkerState;
  meter: UsageMeter | null;
}

/**
 * The ends of jobs of a chunk that were not sent to the pool yet. Times are of the clock of `now`.
 */
class UnsentEnds extends ResultPacker {
  readonly #send: WorkerContext["send"];
  readonly #meter: UsageMeter | null;
  #sentAt = now();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(chunk: number, send: WorkerContext["send"], meter: UsageMeter | null) {
    super(chunk);
    this.#send = send;
    this.#meter = meter;
  }

  isDue(at: number): boolean {
    return at - this.#sentAt >= sendAfterMs;
  }

  /** Sends them soon, even if the next job of the chunk takes long. */
  sendSoon(): void {
    if (this.#timer !== null) return; // each job asks
    const dueAt = now() + sendAfterMs;
    this.#timer = startTimer(() => {
      // If it is late, the next job has used most of what would be measured.
      if (now() > dueAt + sendAfterMs) this.addUsage(measuredLater);
      this.send(now());
    }, sendAfterMs);
  }

  /** `durationMs` is that of the last job. */
  send(at: number, durationMs = 0): void {
    if (this.#timer !== null) stopTimer(this.#timer);
    this.#timer = null;
    const usage = this.unmeasured > 0 ? this.#meter?.measure(at, durationMs) : undefined;
    if (usage) this.addUsage(usage);
    const message = this.take(at, this.#meter?.spentCpu ?? null);
    if (message) this.#send(message);
    this.#sentAt = at;
  }
}

async function runChunk(
  worker: WorkerContext,
  { page, output, running, requests, children, sampler, state, meter }: ChunkContext,
  message: ReceivedChunk,
): Promise<void> {
  const { chunk, pageIndex, entryPoint, args, keepsResults, keepsOutput, startBy } = message;
  const isCommand = entryPoint === commandEntryPoint;
  const { send } = worker;
  const fn = functionOf(worker, entryPoint, { state, meter });
  if (startBy !== null) await fn.catch(() => {}); // importing it takes time, too
  const isLate = () => startBy !== null && dateNow() > startBy;
  const unsent = new UnsentEnds(chunk, send, meter);
  let startedAt = 0;
  const restore = () => {
    if (now() - startedAt >= longMs) state.restore();
    else state.restoreReporting();
  };
  const listener = contextListener(worker, page, running, { requests, children });
  let isLoaded = false;
  const next = () => (isLate() ? -1 : page.take(pageIndex, chunk));
  for (let position = next(); position >= 0; position = next()) {
    page.run(chunk, position, output.starts);
    startedAt = now();
    // Not before it counts as running: an import may hang, or end this process.
    const reason = isLoaded ? null : await missingCode(fn);
    if (reason !== null) {
      page.rest();
      return send({ kind: "lacking", chunk, position, reason: reason.slice(0, 2_000) });
    }
    isLoaded = true;
    const context = new JobContext(message.ids, position, listener, message);
    running.chunk = chunk;
    running.position = position;
    running.context = context;
    const sampling = sampler?.begin();
    const result = await attempt(fn, args[position] ?? "[]", keepsResults, context, restore);
    const end = now();
    const durationMs = end - startedAt;
    if (sampling) send({ kind: "profile", chunk, position, stacks: (await sampling.end()).stacks });
    const isWanted = keepsOutput === "all" || (keepsOutput === "failures" && !result.isDone);
    const printed = isCommand
      ? output.collectWhole(isWanted)
      : output.collect(durationMs, isWanted);
    if (!result.isDone) await stopNews(result, running, page);
    page.rest();
    const isAlone = durationMs >= measuredAloneMs;
    if (isAlone) unsent.addUsage(measuredLater); // the jobs before it, which took less than 2 ms
    unsent.add(position, result, { durationMs, output: printed, endedAt: end });
    const isFull = isCommand && output.isLong;
    if (isFull || isAlone || unsent.isDue(end)) unsent.send(end, durationMs);
    else unsent.sendSoon();
    if (isFull) await output.emptied(() => send({ kind: "full" }));
  }
  state.restore();
  unsent.send(now());
  if (isLate()) send({ kind: "late", chunk });
}

/** As {@link functionFor}; each job reports that it is missing as its own failure. */
function functionOf(...args: Parameters<typeof functionFor>): Promise<EntryFunction> {
  const fn = functionFor(...args);
  fn.catch(() => {});
  return fn;
}

/** The function of an entry point: of a module, or one of the two that are built in. */
function functionFor(
  { root, runsCommands, slot, notifyFrom, host }: WorkerContext,
  entryPoint: string,
  { state, meter }: Pick<ChunkContext, "state" | "meter">,
): Promise<EntryFunction> {
  if (entryPoint === commandEntryPoint) {
    return shellCommand(runsCommands, { slot, env: host.env }, meter);
  }
  if (entryPoint === notificationEntryPoint) return notifierOf(notifyFrom, { ...host.env });
  return load(root, entryPoint, state);
}

/** Loaded by the workers that need it. */
async function notifierOf(folder: string | null, env: NodeJS.ProcessEnv): Promise<EntryFunction> {
  const { notifier, notifierMissing } = await import("../notify/send.ts");
  return folder === null ? await notifierMissing() : notifier(folder, env);
}

const shellCommand = (
  isAllowed: boolean,
  worker: CommandWorker,
  meter: UsageMeter | null,
): Promise<EntryFunction> =>
  isAllowed
    ? OwnPromise.resolve(commandRunner(worker, (peakBytes) => meter?.commandEnded(peakBytes)))
    : OwnPromise.reject(new CommandsNotAllowed());

/** The entry points that this process has loaded: looking for their files again takes 0.3 ms. */
const loaded = new Map<string, Promise<EntryFunction>>();
const mostLoaded = 10_000;

/** Loads an entry point, and keeps the changes that its import makes to the process. */
function load(root: string, entryPoint: string, state: WorkerState): Promise<EntryFunction> {
  const known = loaded.get(entryPoint);
  if (known) return known;
  if (loaded.size >= mostLoaded) loaded.clear();
  const loading = loadPosted(root, entryPoint, bunResolve, provideLegacyDecorators).finally(() =>
    state.adopt(),
  );
  loaded.set(entryPoint, loading);
  loading.catch(() => loaded.delete(entryPoint)); // its file may be there the next time
  return loading;
}

/** Reports of the running job go to the pool, or to stderr. */
const contextListener = (
  { root, send, share: ownShare }: Pick<WorkerContext, "root" | "send" | "share">,
  page: SharedPage,
  running: ActiveJob,
  { requests, children }: Pick<ChunkContext, "requests" | "children">,
): JobContextListener => ({
  onSignal: () => page.askSignal(),
  onProgress: ({ share, note }) => {
    const { chunk, position } = running;
    send({ kind: "progress", chunk, position, share, note });
  },
  onLog: (line) => void process.stderr.write(line),
  readResults: (first) => requests.read(running, first),
  root,
  share: ownShare,
  post: (call) => children.post(running, call),
});
