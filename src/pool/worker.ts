import { parseEntryPoint } from "../domain/entry-point.ts";
import { jobError } from "../domain/job-error.ts";
import { decodeArgs, encodeValue } from "../domain/values.ts";
import { callEntryPoint, type EntryFunction, loadEntryPoint } from "./load-entry-point.ts";
import type { End, RunMessage, WorkerMessage } from "./protocol.ts";
import { SharedPage } from "./shared-page.ts";
import { provideVirtualPackage } from "./virtual-package.ts";

/** Ends are sent together, but none waits longer than this behind short jobs that follow it. */
const sendAfterMs = 2;

export interface WorkerContext {
  root: string;
  pagePath: string;
  /** What user code gets when it imports "pdoflow". */
  api: Record<string, unknown>;
  send: (message: WorkerMessage) => void;
  onMessage: (listener: (message: RunMessage) => void) => void;
}

/** The life of a worker process: runs the chunks that its pool sends, until the pool is gone. */
export function runWorker(context: WorkerContext): void {
  provideVirtualPackage(context.api);
  const page = SharedPage.open(context.pagePath);
  const chunks: RunMessage[] = [];
  let isRunning = false;
  const pump = async () => {
    if (isRunning) return;
    isRunning = true;
    for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) {
      await runChunk(context, page, chunk);
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
  { root, send }: WorkerContext,
  page: SharedPage,
  { chunk, slot, entryPoint, args }: RunMessage,
): Promise<void> {
  const fn = loadEntryPoint(root, parseEntryPoint(entryPoint));
  fn.catch(() => {}); // each job tells it as its own failure
  let ends: End[] = [];
  let endedAt: number[] = [];
  let sentAt = performance.now();
  const flush = (now: number) => {
    for (const [i, end] of ends.entries()) end[3] = now - (endedAt[i] ?? now);
    if (ends.length > 0) send({ kind: "ended", chunk, ends });
    ends = [];
    endedAt = [];
    sentAt = now;
  };
  for (let position = page.take(slot, chunk); position >= 0; position = page.take(slot, chunk)) {
    page.run(chunk, position);
    const startedAt = performance.now();
    const { isDone, text } = await attempt(fn, args[position] ?? "[]");
    const now = performance.now();
    page.rest();
    ends.push([position, isDone, now - startedAt, 0, text]);
    endedAt.push(now);
    if (now - sentAt >= sendAfterMs) flush(now);
  }
  flush(performance.now());
}

/** One attempt: the encoded result (null for undefined) or the encoded error. */
async function attempt(
  fn: Promise<EntryFunction>,
  args: string,
): Promise<{ isDone: boolean; text: string | null }> {
  try {
    const result = await callEntryPoint(await fn, decodeArgs(args));
    return { isDone: true, text: result === undefined ? null : encodeValue(result) };
  } catch (thrown) {
    return { isDone: false, text: JSON.stringify(jobError(thrown)) };
  }
}
