import { commandEntryPoint } from "../domain/command-line.ts";
import { parseEntryPoint } from "../domain/entry-point.ts";
import { jobError } from "../domain/job-error.ts";
import { retryOf } from "../domain/thrown.ts";
import { decodeArgs } from "../domain/values.ts";
import { encodeResult } from "./job-result.ts";
import { callEntryPoint, type EntryFunction, loadEntryPoint } from "./load-entry-point.ts";
import { type End, type PackedMessage, packEnds, type RunMessage, unpackArgs } from "./protocol.ts";
import { SharedPage } from "./shared-page.ts";
import { runCommand } from "./shell-command.ts";
import { provideVirtualPackage } from "./virtual-package.ts";
import { WorkerOutput } from "./worker-output.ts";

/** Ends are sent together, but none waits longer than this behind short jobs that follow it. */
const sendAfterMs = 2;

/** The open file that a worker finds its shared page in. */
const pageFile = 3;

export interface WorkerContext {
  root: string;
  /** Whether it runs commands, which is for the pool of a `pdoflow run` alone. */
  runsCommands: boolean;
  /** What user code gets when it imports "pdoflow". */
  api: Record<string, unknown>;
  send: (message: PackedMessage) => void;
  onMessage: (listener: (message: RunMessage) => void) => void;
}

/** The life of a worker process: runs the chunks that its pool sends, until the pool is gone. */
export function runWorker(context: WorkerContext): void {
  provideVirtualPackage(context.api);
  const page = SharedPage.inherited(pageFile);
  const output = new WorkerOutput();
  const chunks: RunMessage[] = [];
  let isRunning = false;
  const pump = async () => {
    if (isRunning) return;
    isRunning = true;
    for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) {
      await runChunk(context, page, output, chunk);
      // Lets the messages in that came while jobs kept this thread busy.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    isRunning = false;
  };
  context.onMessage((message) => {
    chunks.push(message);
    void pump();
  });
  context.send({ kind: "ready" });
}

async function runChunk(
  { root, runsCommands, send }: WorkerContext,
  page: SharedPage,
  output: WorkerOutput,
  message: RunMessage,
): Promise<void> {
  const { chunk, slot, entryPoint, args: packed, keepsResults, keepsOutput, startBy } = message;
  const isCommand = runsCommands && entryPoint === commandEntryPoint;
  const fn = isCommand
    ? Promise.resolve(runCommand)
    : loadEntryPoint(root, parseEntryPoint(entryPoint));
  fn.catch(() => {}); // each job tells it as its own failure
  const args = unpackArgs(packed);
  if (startBy !== null) {
    await fn.catch(() => {}); // importing it takes its time, too
    if (Date.now() > startBy) return send({ kind: "late", chunk });
  }
  let ends: End[] = [];
  let endedAt: number[] = [];
  let sentAt = performance.now();
  const flush = (now: number) => {
    for (const [i, end] of ends.entries()) end.agoMs = now - (endedAt[i] ?? now);
    if (ends.length > 0) send(packEnds(chunk, ends));
    ends = [];
    endedAt = [];
    sentAt = now;
  };
  for (let position = page.take(slot, chunk); position >= 0; position = page.take(slot, chunk)) {
    page.run(chunk, position, output.starts);
    const startedAt = performance.now();
    const result = await attempt(fn, args[position] ?? "[]", keepsResults);
    const now = performance.now();
    const durationMs = now - startedAt;
    const isWanted = keepsOutput === "all" || (keepsOutput === "failures" && !result.isDone);
    const printed = output.collect(durationMs, isWanted);
    page.rest();
    ends.push({ position, durationMs, agoMs: 0, output: printed, ...result });
    endedAt.push(now);
    if (now - sentAt >= sendAfterMs) flush(now);
  }
  flush(performance.now());
}

/** One attempt: the encoded result (null for undefined) or the encoded error. */
async function attempt(
  fn: Promise<EntryFunction>,
  args: string,
  keepsResults: boolean,
): Promise<Pick<End, "isDone" | "text" | "retry">> {
  try {
    const result = await callEntryPoint(await fn, decodeArgs(args));
    return { isDone: true, text: keepsResults ? encodeResult(result) : null, retry: null };
  } catch (thrown) {
    return { isDone: false, text: JSON.stringify(jobError(thrown)), retry: retryOf(thrown) };
  }
}
