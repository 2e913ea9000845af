import { commandEntryPoint } from "./command-line.ts";
import { attempt } from "./attempt.ts";
import { bunResolve } from "../entry/bun-resolve.ts";
import { provideLegacyDecorators } from "../entry/legacy-decorators.ts";
import { blockSeparator, separator } from "../../db/connection/array.ts";
import type { Environment } from "../../db/settings/parameters.ts";
import { messageOf } from "../../domain/errors.ts";
import type { GatheredPage, UpstreamPosting } from "../../domain/upstream.ts";
import { slotVariable, workerEnvironment } from "../wire/environment.ts";
import type { ChildCall } from "../wire/child-call.ts";
import type { JobIdentity } from "../wire/protocol.ts";
import { JobContext, type JobProgress } from "./job-context.ts";
import { loadPosted } from "../entry/load-entry-point.ts";
import { commandRunner } from "./shell-command.ts";
import { provideVirtualPackage } from "./virtual-package.ts";

/** One job to run here and now, without a pool. */
export interface JobToExecute extends JobIdentity {
  entryPoint: string;
  /** As JSON text. */
  args: string;
  /** The posting whose results it reads; null for none. */
  upstream: UpstreamPosting | null;
}

/** The end of the job. */
export interface ExecutedJob {
  isDone: boolean;
  /** The encoded result (null for undefined) or the encoded error. */
  text: string | null;
  durationMs: number;
}

/** A request of the process for results of the upstream, and the answer. */
interface ReadRequest {
  first: number;
}
type ReadAnswer = GatheredPage | { error: string };

export interface ExecuteOptions {
  program: readonly string[];
  env: Environment;
  /** The names of more variables that the job sees. */
  handsOn: readonly string[];
  root: string;
  /**
   * The address at which a debugger finds the process, as in "127.0.0.1:6499"; the process waits
   * for one. Null: none.
   */
  inspect: string | null;
  /** Whether the stdout of the job goes to stderr, because stdout is used otherwise. */
  printsToStderr: boolean;
  /** Reads results of the upstream, from an index on; null if it has none. */
  readResults: ((first: number) => Promise<GatheredPage>) | null;
  /** Calls `listener` for signals to this process, until the returned function is called. */
  onStopSignal: (listener: (signal: string) => void) => () => void;
}

/**
 * Runs a job in a separate process that has our terminal, and waits for its end. Its environment is
 * that of a worker. If a job ends its process, the error describes how.
 */
export async function executeJob(
  job: JobToExecute,
  {
    program,
    env,
    handsOn,
    root,
    inspect,
    printsToStderr,
    readResults,
    onStopSignal,
  }: ExecuteOptions,
): Promise<ExecutedJob> {
  const startedAt = performance.now();
  let result: ExecutedJob | null = null;
  const child = Bun.spawn([...program, "execute", root], {
    env: {
      ...workerEnvironment(env, handsOn),
      [slotVariable]: "1",
      ...(inspect === null ? {} : { BUN_INSPECT: `ws://${inspect}/pdoflow?wait=1` }),
    },
    stdio: ["inherit", printsToStderr ? 2 : "inherit", "inherit"],
    serialization: "json",
    ipc: (message: ExecutedJob | ReadRequest) => {
      if ("isDone" in message) result = message;
      else {
        void readResults?.(message.first)
          .catch((error: unknown) => ({ error: messageOf(error) }))
          .then((answer: ReadAnswer) => child.exitCode ?? child.send(answer));
      }
    },
  });
  // The terminal sends Ctrl-C to both.
  const stop = onStopSignal((signal) => signal !== "SIGINT" && child.kill("SIGTERM"));
  child.send(job);
  await child.exited;
  stop();
  const { exitCode, signalCode } = child;
  const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
  const error = { name: "WorkerExited", message: `the job ended its process ${how}` };
  const durationMs = performance.now() - startedAt;
  return result ?? { isDone: false, text: JSON.stringify(error), durationMs };
}

/** The channel of the process of a job to its parent. */
interface ParentChannel {
  send: (request: ReadRequest) => void;
  /** Resolves with the next message of the parent. */
  receive: () => Promise<ReadAnswer>;
}

/** The side of the child: runs the one job that it receives, and reports the result. */
export async function answerExecute(
  root: string,
  job: JobToExecute,
  api: Record<string, unknown>,
  parent: ParentChannel,
): Promise<ExecutedJob> {
  provideVirtualPackage(api);
  const isCommand = job.entryPoint === commandEntryPoint;
  const fn = isCommand
    ? Promise.resolve(commandRunner({ slot: "1", env: null }, () => {}))
    : loadPosted(root, job.entryPoint, bunResolve, provideLegacyDecorators);
  const listener = {
    onSignal: () => {}, // nobody cancels it, and Ctrl-C ends it
    onProgress: ({ share, note }: JobProgress) =>
      void process.stderr.write(
        `progress ${Math.round(100 * share)} %${note ? `: ${note}` : ""}\n`,
      ),
    onLog: (line: string) => void process.stderr.write(line),
    readResults: async (first: number) => {
      const answer = parent.receive();
      parent.send({ first });
      const page = await answer;
      if ("error" in page) throw new Error(page.error);
      return page;
    },
    root,
    share: null,
    post: ({ entryPoint, jobs }: ChildCall) => {
      const count = jobs.replaceAll(blockSeparator, separator).split(separator).length;
      process.stderr.write(
        `post of ${count} x ${entryPoint}: not posted, because no pool runs it\n`,
      );
      return Promise.resolve(0);
    },
  };
  const ids = [job.posting, job.attempt, job.index, 1];
  const context = new JobContext(ids, 0, listener, { ...job, schedule: null, trace: null });
  await fn.catch(() => {}); // importing takes time; a failure is the job's
  const startedAt = performance.now();
  const { isDone, text } = await attempt(fn, job.args, true, context);
  return { isDone, text, durationMs: performance.now() - startedAt };
}
