import { expect, test } from "bun:test";

import { failedFiles, tally } from "./run.ts";

const end = (...lines: string[]) =>
  [...lines, "Ran 12 tests across 3 files. [1.2s]", ""].join("\n");

test("the counts of bun test are added up", () => {
  expect(tally(end(" 10 pass", " 2 fail", " 30 expect() calls"), 1)).toEqual({
    passed: 10,
    failed: 2,
  });
  expect(tally(end(" 10 pass", " 1 skip", " 1 todo", " 0 fail"), 0)).toEqual({
    passed: 10,
    failed: 0,
  });
});

test("colours don't hide the numbers", () => {
  const printed = end(
    "\u001b[0m\u001b[32m 10 pass\u001b[0m",
    "\u001b[0m\u001b[31m 2 fail\u001b[0m",
  );
  expect(tally(printed, 1)).toEqual({ passed: 10, failed: 2 });
});

test("the output of a test is not mistaken for the end", () => {
  const printed = ` 99 pass\n 0 fail\n${end(" 1 pass", " 1 fail")}`;
  expect(tally(printed, 1)).toEqual({ passed: 1, failed: 1 });
});

test("a run that was cut short has failed", () => {
  expect(tally("(pass) a [1ms]\n", 139)).toEqual({ passed: 0, failed: 1 });
});

test("an error outside of every test is a failure", () => {
  expect(tally(end(" 10 pass", " 0 fail", " 1 error"), 1)).toEqual({ passed: 10, failed: 1 });
  expect(tally(end(" 10 pass", " 0 fail"), 1)).toEqual({ passed: 10, failed: 1 });
  expect(tally(end(" 10 pass", " 1 fail", " 2 errors"), 1)).toEqual({ passed: 10, failed: 2 });
});

test("files with a failure are found, however they failed, with what they printed", () => {
  const failed = "\u001b[0m\u001b[31m(fail)\u001b[0m two [1ms]";
  const printed = [
    ...["", "test/a.test.ts:", "warned", "(pass) one [1ms]", "error: no two", failed],
    ...["", "test/b.test.ts:", "(pass) a test whose name has (fail) in it [1ms]"],
    ...["", "test/c.test.ts:", "✗ test/c.test.ts (worker crashed: SIGKILL)"],
    ...["", "test/d.test.ts:", "", "# Unhandled error between tests", "-----", "error: stray"],
    ...["", "test/a.test.ts:", "(fail) three [1ms]", "(pass) four [1ms]", "", " 3 pass", ""],
  ].join("\n");
  expect(failedFiles(printed)).toEqual([
    { file: "test/a.test.ts", report: "error: no two\n(fail) two [1ms]\n(fail) three [1ms]" },
    { file: "test/c.test.ts", report: "✗ test/c.test.ts (worker crashed: SIGKILL)" },
    { file: "test/d.test.ts", report: "# Unhandled error between tests\n-----\nerror: stray" },
  ]);
});

test("the list of failures at the end belongs to no file", () => {
  const printed = [
    ...["test/a.test.ts:", "(fail) one [1ms]", "", "test/b.test.ts:", "(pass) two [1ms]", ""],
    ...["1 tests failed:", "(fail) one [1ms]"],
  ];
  expect(failedFiles(printed.join("\n"))).toEqual([
    { file: "test/a.test.ts", report: "(fail) one [1ms]" },
  ]);
});
