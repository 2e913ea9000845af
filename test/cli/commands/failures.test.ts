import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("failures that look the same are printed once, with the command that retries them", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 3, 13, 7, 23]);
  await cli.drain();
  const { out, code } = await cli.run("failures", "1", "--json");
  expect(code).toBe(0);
  const [posting] = documentOf("failures", out).postings;
  expect(posting).toMatchObject({ id: 1, failed: 4 });
  const [far, no] = posting?.groups ?? [];
  expect(far).toMatchObject({
    count: 3,
    example: {
      job: expect.stringMatching(/^1\/[124]$/),
      attempt: 1,
      error: { name: "RangeError", location: "fn.ts:4" },
    },
    retryWith: `pdoflow retry 1 --group ${far?.fingerprint}`,
  });
  expect(no).toMatchObject({ count: 1, example: { job: "1/3", error: { message: "no 7" } } });

  const text = await cli.run("failures");
  expect(text.out).toContain(`${far?.fingerprint}  3 jobs  RangeError: `);
  expect(text.out).toContain(", at fn.ts:4\n");
  expect(text.out).toMatch(/^ {2}(at|from) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(,| to)/m);
  expect(text.err).toBe("posting 1: 4 jobs have failed\n");

  const again = await cli.run("retry", "1", "--group", far?.fingerprint ?? "", "--json");
  expect(documentOf("retry", again.out).postings).toEqual([{ id: 1, state: "open", retried: 3 }]);
  const left = documentOf("failures", (await cli.run("failures", "1", "--json")).out);
  expect(left.postings).toMatchObject([
    {
      failed: 1,
      groups: [
        { count: 1, state: "failed" },
        { count: 3, state: "retrying" },
      ],
    },
  ]);
});

test("failed jobs are retried in place, and end the posting once more", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 3, 13, 7]);
  await cli.drain();
  expect((await cli.run("retry", "1/0-1")).err).toBe("posting 1: 1 job is retried\n");
  expect((await cli.run("retry", "1", "--failed")).err).toBe("posting 1: 2 jobs are retried\n");
  expect((await cli.run("retry", "last", "--failed")).err).toBe(
    "posting 1: no job is retried: none of these jobs has failed\n",
  );
  await cli.write("fn.ts", "export const fn = (i: number) => i;");
  await cli.drain();
  const { out } = await cli.run("status", "1", "--json");
  expect(documentOf("status", out).postings).toMatchObject([
    { state: "finished", jobs: { done: 4, failed: 0 } },
  ]);
  expect((await cli.run("explain", "1/1")).out).toBe("1/1 is done, after 2 attempts.\n");
});

test("retry reports the expected argument, and the postings that it left unchanged", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([1, 3]);
  await cli.run("cancel", "1");
  expect(await cli.run("retry", "1")).toMatchObject({
    code: 2,
    err: expect.stringContaining("add --failed"),
  });
  expect(await cli.run("retry", "1", "--group", "xyz")).toMatchObject({ code: 2 });
  expect(await cli.run("retry", "7/1")).toMatchObject({ code: 4 });
  expect((await cli.run("retry", "1", "--failed")).err).toContain("it is cancelled; post it again");
});

test("failures shows the errors of jobs that are being retried, and how to go on", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([3, 13, 23, 7], "--max-attempts", "3", "--backoff", "1h", "--stop-after", "4");
  await cli.drain();
  const text = await cli.run("failures");
  expect(text.err).toMatch(
    /^posting 1: no jobs have failed, 4 are being retried\nposting 1 was stopped: 4 .*\n/,
  );
  expect(text.err).toContain("After fixing the cause, run: pdoflow resume 1\n");
  expect(text.err).toContain("--stop-after 0");
  expect(text.out).toMatch(/^[0-9a-f]{8} {2}3 jobs being retried {2}RangeError: .*, at fn\.ts:4\n/);
  expect(text.out).not.toContain("pdoflow retry");
  const { postings } = documentOf("failures", (await cli.run("failures", "--json")).out);
  expect(postings).toMatchObject([
    {
      ...{ id: 1, state: "errored_out", failed: 0, retrying: 4 },
      groups: [
        { state: "retrying", count: 3, example: { attempt: 1 }, retryWith: null },
        { state: "retrying", count: 1, example: { job: "1/3" }, retryWith: null },
      ],
    },
  ]);
});
