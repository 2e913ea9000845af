import { expect, test } from "bun:test";

import { QueueSource } from "../../../src/cli/watch/top-source.ts";
import type { JobsFilter } from "../../../src/db/dashboard/top-snapshot.ts";
import { configuredTarget } from "../../../src/db/settings/target.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";
import { freshDatabase } from "../../database.ts";

const all: Omit<JobsFilter, "postingId"> = {
  ...{ from: 0, size: 5, status: null, fingerprint: null },
  ...{ words: "", sortedBy: 0, isReversed: false },
};

function sourceOf(url: string): QueueSource {
  const target = configuredTarget(url, {});
  if (!target) throw new Error("expected the URL of a database");
  return new QueueSource(target);
}

test("jobs in top are searched by words in arguments, errors and fields, in all of a posting", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const postingId = await cli.post(Array.from({ length: 4_000 }, (_, i) => i * 10 + 1));
  await cli.post([3, 5, 13, 7]);
  await cli.drain();
  await using source = sourceOf(db.url);
  const found = async (filter: Partial<JobsFilter>) => {
    const { rows, ...rest } = await source.jobs({ postingId, ...all, ...filter });
    return { indices: rows.map(({ index }) => index), ...rest };
  };
  expect(await found({ words: "[39991]" })).toEqual({ indices: [3_999], next: null, end: 4_000 });
  expect(await found({ words: `${postingId}/3998` })).toMatchObject({ indices: [3_998] });
  const errors = { postingId: 2, words: "RANGEerror far" };
  expect(await found(errors)).toMatchObject({ indices: [0, 2] });
  expect(await found({ postingId: 2, words: "state:failed error:typeerror" })).toMatchObject({
    indices: [3],
  });
  const failed = { postingId: 2, status: "failed", words: "13" } as const;
  expect(await found(failed)).toMatchObject({ indices: [2] });
  // A page ends after as many jobs as it has room for, and the next one goes on there.
  const page = await found({ words: "state:done" });
  expect(page).toMatchObject({ indices: [0, 1, 2, 3, 4], next: 5 });
  expect(await found({ words: "state:done", from: 5 })).toMatchObject({ indices: [5, 6, 7, 8, 9] });
});

test("jobs in top are sorted before the page is cut", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  const postingId = await cli.post(Array.from({ length: 3_000 }, (_, i) => i));
  await cli.drain();
  await using source = sourceOf(db.url);
  const read = async (filter: Partial<JobsFilter>) =>
    (await source.jobs({ postingId, ...all, ...filter })).rows;
  const [took, status] = [4, 2];
  const slowest = await read({ sortedBy: took });
  const rest = await read({ sortedBy: took, isReversed: true });
  const ms = (rows: typeof slowest) => rows.map(({ durationMs }) => durationMs ?? 0);
  expect(slowest).toHaveLength(5);
  expect(ms(slowest)).toEqual(ms(slowest).toSorted((a, b) => b - a));
  expect(ms(rest)).toEqual(ms(rest).toSorted((a, b) => a - b));
  expect(Math.min(...ms(slowest))).toBeGreaterThan(Math.max(...ms(rest)));
  const byStatus = await read({ sortedBy: status, isReversed: true });
  expect(byStatus.every((job) => job.status === "failed")).toBe(true);
  expect((await read({ isReversed: true })).map(({ index }) => index)).toEqual([
    2_999, 2_998, 2_997, 2_996, 2_995,
  ]);
  const bounded = await source.jobs({ postingId, ...all, sortedBy: took, status: "failed" });
  expect(bounded.rows.every((job) => job.status === "failed")).toBe(true);
  expect(bounded).toMatchObject({ next: null, end: 3_000 });
});
