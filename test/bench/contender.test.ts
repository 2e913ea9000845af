import { expect, test } from "bun:test";

import { run } from "../../bench/contender.ts";

test("a contender that runs longer than its limit is stopped and reported", async () => {
  const endless = run(["sleep", "60"], "/", 100);
  expect(await endless.catch(String)).toBe("ContenderFailed: did not finish in 0.1 s");
});

test("a contender that fails within its limit is reported with its exit code", async () => {
  const failing = run(["sh", "-c", "echo broken >&2; exit 3"], "/", 60_000);
  expect(await failing.catch(String)).toContain("exit code 3: broken");
});
