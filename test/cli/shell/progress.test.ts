import { expect, test } from "bun:test";
import { Writable } from "node:stream";

import { Progress, type ProgressOwner } from "../../../src/cli/shell/progress.ts";
import { PoolProgress } from "../../../src/cli/shell/pool-progress.ts";
import { until } from "../../binary/cli.ts";
import type { CliContext } from "../../../src/cli/shell/context.ts";

/** A command with a terminal of 60 columns, and all that it has written to it. */
function onTerminal() {
  let text = "";
  const stderr = new Writable({
    write: (part: Buffer, _encoding, done) => {
      text += part.toString();
      done();
    },
  });
  const isTerminal = { stdin: true, stdout: true, stderr: true };
  const context = { stderr, isTerminal, columns: 60, env: {} } as unknown as CliContext;
  const owner: ProgressOwner = { context, quiet: false, bottomLine: null };
  return { owner, stderr, text: () => text };
}

const clear = "\r\u001b[K";
const line = "\rrun: half\u001b[K";

test("a message is printed above the progress line, which is drawn again at once", () => {
  const { owner, stderr, text } = onTerminal();
  const progress = new Progress(owner, "run", true);
  progress.show("half");
  owner.bottomLine?.above(() => void stderr.write("job 7 failed\n"));
  expect(text()).toBe(`${line}${clear}job 7 failed\n${line}`);
  progress.end();
  expect(text().endsWith(clear)).toBe(true);
  expect(owner.bottomLine).toBeNull();
});

test("a later line of the same command takes the place of an earlier one", () => {
  const { owner, stderr, text } = onTerminal();
  const reading = new Progress(owner, "posting", true);
  reading.show("1 job");
  const running = new Progress(owner, "run", true);
  owner.bottomLine?.above(() => void stderr.write("|"));
  reading.end();
  running.show("half");
  expect(text()).toBe(`\rposting: 1 job\u001b[K${clear}|${line}`);
});

test("output without a line feed at its end does not share its line with the progress", async () => {
  const { owner, stderr, text } = onTerminal();
  const progress = new Progress(owner, "run", true);
  progress.show("half");
  await progress.aside(async () => {
    stderr.write("no end");
    progress.show("not now"); // as a timer does
    owner.bottomLine?.above(() => void stderr.write("|"));
    return false;
  });
  expect(text()).toBe(`${line}${clear}no end|\n${line}`);
});

test("the last state of a line that was shown stays on a line of its own", () => {
  const shown = onTerminal();
  const progress = new Progress(shown.owner, "run", true);
  progress.show("half");
  progress.end("100 %");
  shown.stderr.write("1 job failed\n");
  expect(shown.text()).toBe(`${line}\rrun: 100 %\u001b[K\n1 job failed\n`);
  const hidden = onTerminal();
  const early = new Progress(hidden.owner, "run"); // for the first second
  early.show("half");
  early.end("100 %");
  expect(hidden.text()).toBe("");
});

test("the line of a pool says what it does, and what is left", async () => {
  const { owner, text } = onTerminal();
  const counted = Promise.withResolvers<void>();
  const pool = {
    activity: { busy: 3, done: 1_200, failed: 2, retried: 0 },
    countLeft: async () => {
      counted.resolve();
      return 5_000;
    },
  };
  using progress = new PoolProgress(owner, true);
  progress.watch(pool, 4);
  await counted.promise;
  await until("what is left is shown", async () => text().includes("left"));
  expect(text()).toContain("pool: 3 of 4 workers busy, 1,200 done, 2 failed, 5,000 left");
  pool.activity.done = 6_190; // before the next count
  await until("they are no longer left", async () =>
    text().includes("6,190 done, 2 failed, 10 le"),
  );
});
