import { expect, test } from "bun:test";

import { sha256 } from "../../../src/db/posting/block-digests.ts";
import { SignedArguments } from "../../../src/pool/trust/signed-arguments.ts";
import type { LeasedRun } from "../../../src/pool/wire/leased-run.ts";
import { freshQueue, postJobs } from "../../db/engine.ts";
import { leasedRun, lines } from "../run/leased-runs.ts";

test("a claim has the signed lines of a block, each at its own seq, or is refused", async () => {
  await using db = await freshQueue();
  const posting = await postJobs(db, 4);
  const digest = sha256(lines(0, 4));
  const signed = {
    statement: { posting, jobCount: 4, arguments: { form: "text", blocks: "" } as const },
    blocks: [{ endSeq: 4, digest }],
    line: null,
  };
  const check = (runs: readonly LeasedRun[]) =>
    new SignedArguments()
      .check(signed, runs, async (work) => await work(db))
      .then(
        () => "admitted",
        (error: unknown) => (error instanceof Error ? error.name : error),
      );
  expect(await check([leasedRun(0, 4)])).toBe("admitted");
  expect(await check([leasedRun(2, 2), leasedRun(0, 2)])).toBe("admitted");
  expect(await check([leasedRun(1, 2)])).toBe("admitted");
  expect(await check([leasedRun(1, 2, { args: lines(2, 2) })])).toBe("SignatureRefused");
  expect(await check([leasedRun(1, 2, { indexes: [2, 1] })])).toBe("SignatureRefused");
  // Together they have the text of the block, but two jobs would run at other seqs.
  const twice = [leasedRun(0, 2), leasedRun(0, 2, { args: lines(2, 2) })];
  expect(await check(twice)).toBe("SignatureRefused");
});
