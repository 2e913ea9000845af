import type { TestDatabase } from "../database.ts";
import { type Commands, openCommands } from "../cli/in-process.ts";
import { type Cli, type CommandLine, openCli } from "./cli.ts";

/** Functions that end in all possible ways, by their argument. */
const source = `
export function fn(i: number) {
  console.log("job", i);
  if (i % 10 === 3) throw new RangeError(i + " is too far");
  if (i % 10 === 7) throw new TypeError("no " + i);
  return { i, half: i / 2 };
}
export const quick = (i: number) => i;
`;

interface Queue {
  /** Posts a job for each argument, and returns the posting's number. */
  post(jobs: readonly number[], ...options: string[]): Promise<number>;
  /** Runs all that can be run. */
  drain(): Promise<void>;
}

export type QueueCli = Cli & Queue;
export type QueueCommands = Commands & Queue;

/** A folder with the functions `fn.ts#fn` and `#quick`, and the compiled binary. */
export const openQueueCli = async (db: TestDatabase): Promise<QueueCli> =>
  await withQueue(await openCli(db));

/** The same with commands that run in this process. */
export const openQueueCommands = async (db: TestDatabase): Promise<QueueCommands> =>
  await withQueue(await openCommands(db));

async function withQueue<C extends CommandLine>(cli: C): Promise<C & Queue> {
  await cli.write("fn.ts", source);
  return {
    ...cli,
    async post(jobs, ...options) {
      const input = JSON.stringify(jobs.map((i) => [i]));
      const entry = options.find((option) => option.startsWith("fn.ts#")) ?? "fn.ts#fn";
      const rest = options.filter((option) => option !== entry);
      const run = await cli.runWith(
        { input },
        "post",
        entry,
        "-",
        ...["--max-attempts", "1", "--stop-after", "0", "--no-check", ...rest],
      );
      if (run.code !== 0) throw new Error(run.err);
      return Number(run.out);
    },
    async drain() {
      const run = await cli.run("pool", "--once", "--max-workers", "1");
      if (run.code > 1) throw new Error(run.err);
    },
  };
}
