import { dirname, join } from "node:path";
import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { until } from "../cli.ts";
import { openQueueCli } from "../queue-cli.ts";

const hasNot = (program: string) => Bun.which(program) === null;

const unless = (program: string) => (hasNot(program) ? ` (skipped: no ${program} here)` : "");

/** A queue with posting 1, which has ended, 2 with a name, and 3; and a shell that has pdoflow. */
async function open(db: Awaited<ReturnType<typeof freshDatabase>>) {
  const cli = await openQueueCli(db);
  await cli.post([1]);
  await cli.drain();
  await cli.post([1, 2], "--name", "nightly");
  await cli.post([1]);
  const path = `${dirname(cli.command[0] ?? "")}:${process.env["PATH"]}`;
  const shell = (command: string[], env: Record<string, string> = {}) => {
    const all = { ...cli.env, ...env, PATH: path };
    const { stdout, stderr } = Bun.spawnSync(command, { cwd: cli.folder, env: all });
    expect(stderr.toString()).toBe("");
    return stdout.toString().trim().split("\n");
  };
  const scripts = join(dirname(cli.command[0] ?? ""), "completions");
  return { cli, shell, scripts, [Symbol.dispose]: () => cli[Symbol.dispose]() };
}

test.skipIf(hasNot("bash"))(`bash completes postings${unless("bash")}`, async () => {
  await using db = await freshDatabase();
  using queue = await open(db);
  const complete = (words: string[], env = {}) => {
    const script = `source ${join(queue.scripts, "pdoflow.bash")}
      COMP_WORDS=(pdoflow ${words.map((word) => `'${word}'`).join(" ")})
      COMP_CWORD=${words.length}; COMP_LINE='pdoflow ${words.join(" ").replace("@ ", "@")}'
      COMP_POINT=\${#COMP_LINE}; _pdoflow; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return queue.shell(["bash", "--norc", "-c", script], env);
  };
  // Candidates that take longer than a second are left out, so on a busy machine Tab is pressed again.
  const completes = (words: string[], expected: string[]) =>
    until(`${words.join(" ")} to be completed by ${expected.join(" ")}`, () =>
      Promise.resolve(Bun.deepEquals(complete(words), expected)),
    );
  await completes(["status", ""], ["last", "3", "2", "@nightly"]);
  await completes(["pause", "2", "3"], ["3"]);
  await completes(["pause", "@", "ni"], ["@nightly"]);
  await completes(["pause", "@"], ["@nightly"]);
  // No server: nothing, and no word of it.
  const nowhere = { PDOFLOW_DATABASE_URL: "postgres://nobody@127.0.0.1:9/none" };
  expect(complete(["status", ""], nowhere)).toEqual(["last"]);
  expect(complete(["status", ""], { PDOFLOW_DATABASE_URL: "nonsense" })).toEqual(["last"]);
});

test.skipIf(hasNot("fish"))(`fish completes postings${unless("fish")}`, async () => {
  await using db = await freshDatabase();
  using queue = await open(db);
  const file = join(queue.scripts, "pdoflow.fish");
  const lines = queue.shell([
    ...["fish", "--no-config", "-c", `source ${file}; complete -C 'pdoflow wait @'`],
  ]);
  expect(lines).toEqual(["@nightly\t2, fn.ts#fn, 2 jobs, open"]);
});
