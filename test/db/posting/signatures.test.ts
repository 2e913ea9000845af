import { expect, test } from "bun:test";

import { blockDigest, parseBlocks, sha256 } from "../../../src/db/posting/block-digests.ts";
import type { Db } from "../../../src/db/connection/connect.ts";
import { insertPosting } from "../../../src/db/posting/insert.ts";
import { readBlock, readSignatures } from "../../../src/db/posting/signatures.ts";
import { parseStatement } from "../../../src/domain/signed-posting.ts";
import { postJobs, queueOfFile, refusal } from "../engine.ts";

const freshQueue = queueOfFile();
const signer = { keyId: "ann", sign: (text: string) => `signed ${text}`, code: null };
const posting = { entryPoint: "a.ts#f", priority: 0, osUser: "ada", signer };

/** Posts such jobs, and compares what was signed with what is stored. */
async function postedBlocks(db: Db, args: string[], priorities?: number[]) {
  const batches = [
    { args: args.slice(0, 700), priorities: priorities?.slice(0, 700) },
    { args: args.slice(700), priorities: priorities?.slice(700) },
  ];
  const { id } = await insertPosting(db, posting, batches, "the test");
  const [row] = await readSignatures(db, [id]);
  if (!row) throw new Error("expected a signature");
  expect(row).toMatchObject({ keyId: "ann", signature: `signed ${row.statement}` });
  const statement = parseStatement(row.statement);
  expect(statement).toMatchObject({ posting: id, jobCount: args.length });
  expect(statement.arguments.blocks).toBe(sha256(row.blocks));
  const blocks = parseBlocks(row.blocks);
  let firstSeq = 0;
  for (const { endSeq, digest } of blocks) {
    const stored = await readBlock(db, { postingId: id, firstSeq, endSeq });
    expect(stored && blockDigest(statement.arguments.form, stored)).toBe(digest);
    firstSeq = endSeq;
  }
  return { ends: blocks.map(({ endSeq }) => endSeq), form: statement.arguments.form };
}

const lists = (count: number, text = "é") =>
  Array.from({ length: count }, (_, i) => `[${i}, "${text}"]`);

test("blocks end after 1,000 jobs, or 65,536 characters", async () => {
  await using db = await freshQueue();
  expect(await postedBlocks(db, lists(1))).toEqual({ ends: [1], form: "text" });
  expect((await postedBlocks(db, lists(2_345))).ends).toEqual([1_000, 2_000, 2_345]);
  expect((await postedBlocks(db, lists(5, "x".repeat(40_000)))).ends).toEqual([2, 4, 5]);
});

test("with priorities the order of seq is signed, and the index of each", async () => {
  await using db = await freshQueue();
  const priorities = Array.from({ length: 1_500 }, (_, i) => (i * 7) % 5);
  const sorted = await postedBlocks(db, lists(1_500), priorities);
  expect(sorted).toEqual({ ends: [961, 1_500], form: "index and digest" }); // 68 characters each
});

test("A1: only the transaction that began a posting signs it", async () => {
  await using db = await freshQueue();
  const id = await postJobs(db, 1);
  const late = db.sql`select pdoflow.sign_posting(${id}, 'a', 'b', 'c', 'd')`;
  expect(await refusal(late)).toContain(`posting ${id} was not begun in this transaction`);
  expect([...(await readSignatures(db, [id]))]).toEqual([]);
});
