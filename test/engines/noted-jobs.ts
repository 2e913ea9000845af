import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { type Cli, until } from "../binary/cli.ts";
import type { freshDatabase } from "../database.ts";

export const size = 200;
/** The machine may be busy with other tests. */
export const patienceMs = 150_000;
/** All jobs of a posting, each done in its first attempt. */
export const allOnce = [{ state: "done", n: size, used: 1 }];

/** A job that has run, in a task of a batch system and a pool. */
interface Noted {
  job: number;
  task: number;
  pool: number;
}

/** Postings of 200 jobs of 250 ms, each noted in a journal with its task, from a variable. */
export async function notedJobs(
  { sql }: Awaited<ReturnType<typeof freshDatabase>>,
  cli: Cli,
  taskVariable: string,
) {
  await cli.write(
    "noted.ts",
    `import { appendFileSync } from "node:fs";
    export async function noted(i: number) {
      await Bun.sleep(250);
      appendFileSync("journal", [i, process.env.${taskVariable}, process.ppid].join(" ") + "\\n");
    }`,
  );
  const journal = (): Noted[] => {
    const file = join(cli.folder, "journal");
    const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    return lines.map((line) => {
      const [job = 0, task = 0, pool = 0] = line.split(" ").map(Number);
      return { job, task, pool };
    });
  };
  const post = async (...flags: string[]) => {
    const { out } = await cli.run("post", "noted.ts#noted", "--each", `1-${size}`, ...flags);
    return Number(out);
  };
  const untilDone = (posting: number) =>
    until(
      "all jobs",
      async () => {
        const [row] = await sql<{ done: number }[]>`
          select done from pdoflow.posting where id = ${posting}`;
        return row?.done === size;
      },
      patienceMs,
    );
  const outcomesOf = async (posting: number) => [
    ...(await sql<{ state: string; n: number; used: number }[]>`
      select state::text, count(*)::int as n, max(attempt)::int as used
        from pdoflow.outcome where posting_id = ${posting} group by state`),
  ];
  return {
    post,
    untilDone,
    outcomesOf,
    /** Posts, has `end` happen to a task that runs the jobs, and waits for all of them. */
    async through(end: (noted: Noted) => void) {
      const before = journal().length;
      const posting = await post();
      const haveRun = () => Promise.resolve(journal().length > before + 10);
      await until("ten jobs to have run", haveRun, patienceMs);
      const noted = journal().at(-1) ?? { job: 0, task: 0, pool: 0 };
      end(noted);
      const [row] = await sql`select done from pdoflow.posting where id = ${posting}`;
      const done = Number(row?.["done"]);
      if (done >= size) throw new Error("expected an end before that of the jobs");
      await untilDone(posting);
      return { task: noted.task, outcomes: await outcomesOf(posting) };
    },
    /** Waits until N pools have registered, living or not. */
    untilPools: (count: number) =>
      until(
        `${count} pools`,
        async () => (await sql`select from pdoflow.pool`).length === count,
        patienceMs,
      ),
    /** The smallest number of runs of one of the jobs, over all postings. */
    fewestRuns(): number {
      const ran = journal().map(({ job }) => job);
      const each = Array.from({ length: size }, (_, i) => ran.filter((job) => job === i + 1));
      return Math.min(...each.map((runs) => runs.length));
    },
  };
}

/** The environment of a command that submits pools, which find the binary on their PATH. */
export function submitting(cli: Cli, engine: Record<string, string>): Record<string, string> {
  const [program = ""] = cli.command;
  return { ...cli.env, ...engine, PATH: `${dirname(program)}:${cli.env["PATH"]}` };
}

/** Submits a script in the folder of the test, and returns the answer. */
export function submit(cli: Cli, command: string[], env: Record<string, string>): string {
  const { stdout, stderr } = Bun.spawnSync(command, { cwd: cli.folder, env });
  if (stderr.length === 0) return stdout.toString().trim();
  throw new Error(`${command[0]} has printed: ${stderr.toString()}`);
}
