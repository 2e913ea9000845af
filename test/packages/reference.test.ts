import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeReference } from "./reference.ts";

const out = await mkdtemp(join(tmpdir(), "pdoflow-api-"));
afterAll(() => rm(out, { recursive: true }));

test("the reference has what the docstrings say, and what users call has one", async () => {
  const said = await makeReference(out);
  const bare = said.split("\n").filter((line) => line.includes("does not have any documentation"));
  expect(bare.filter((line) => !/TypeParameter|StandardSchema|TestQueue/.test(line))).toEqual([]);
  const page = await readFile(join(out, "functions/index.postWork.html"), "utf8");
  expect(page).toContain("Posts jobs, all or none");
  const posting = await readFile(join(out, "interfaces/index.Posting.html"), "utf8");
  expect(posting).toContain("retryFailed");
  expect(posting).not.toContain("Made by <code>postWork</code>"); // what is internal
}, 120_000);
