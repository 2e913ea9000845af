import { expect, test } from "bun:test";
import { linkSync, readFileSync } from "node:fs";

import { inspectFile } from "../../examples/inspect-files.ts";
import { FileReport, findingsText, sumUp } from "../../src/cli/demo/demo-findings.ts";
import { sizeText } from "../../src/cli/output/size-text.ts";
import { inspectFilesSource } from "../../src/cli/demo/demo-source.ts";
import { parse } from "../../src/domain/parse.ts";
import { decodeValue, encodeValue } from "../../src/job/values.ts";
import { makeTree } from "./tree.ts";

const report = (path: string, rest: Partial<FileReport> = {}): FileReport => ({
  path: `/tree/${path}`,
  kind: "text",
  bytes: 10_000,
  gzipBytes: 5000,
  entropy: 4,
  sha256: path,
  inode: path,
  problem: null,
  ...rest,
});

test("files, bytes and kinds are added up, the largest kind first", () => {
  const findings = sumUp([
    report("a"),
    report("b", { bytes: 100, gzipBytes: 90 }),
    report("c", { kind: "image", bytes: 20_000, gzipBytes: 19_000 }),
  ]);
  expect(findings.total).toEqual({ files: 3, bytes: 30_100, gzipBytes: 24_090 });
  expect(findings.kinds).toEqual([
    { kind: "image", files: 1, bytes: 20_000, gzipBytes: 19_000 },
    { kind: "text", files: 2, bytes: 10_100, gzipBytes: 5090 },
  ]);
});

test("duplicates share a hash; all but one are wasted; the worst come first", () => {
  const { duplicates } = sumUp([
    report("a", { sha256: "x" }),
    report("b", { sha256: "x" }),
    report("c", { sha256: "y", bytes: 100_000 }),
    report("d", { sha256: "y", bytes: 100_000 }),
    report("e", { sha256: "y", bytes: 100_000 }),
    report("f"),
  ]);
  expect(duplicates).toEqual([
    { paths: ["/tree/c", "/tree/d", "/tree/e"], bytes: 100_000, wastedBytes: 200_000 },
    { paths: ["/tree/a", "/tree/b"], bytes: 10_000, wastedBytes: 10_000 },
  ]);
});

test("two names of one file, empty files and files without a hash are no duplicates", () => {
  const { duplicates } = sumUp([
    report("a", { sha256: "x", inode: "1:1" }),
    report("b", { sha256: "x", inode: "1:1" }),
    report("c", { sha256: "e", bytes: 0 }),
    report("d", { sha256: "e", bytes: 0 }),
    report("f", { sha256: null, kind: "link" }),
    report("g", { sha256: null, kind: "link" }),
  ]);
  expect(duplicates).toEqual([]);
});

test("the order of the reports does not matter", () => {
  const reports = "abcdefgh".split("").map((name) => report(name, { sha256: "x" }));
  expect(sumUp(reports.toReversed())).toEqual(sumUp(reports));
});

test("the text has the findings, with paths relative to the folder", () => {
  const text = findingsText(
    sumUp([
      report("a", { sha256: "x" }),
      report("sub/b", { sha256: "x", kind: "image", bytes: 30_000, entropy: 7.5 }),
      report("c", { kind: "unreadable", problem: "EACCES: no", bytes: 0, gzipBytes: 0 }),
    ]),
    "/tree",
  );
  expect(text).toMatchInlineSnapshot(`
    "kind        files  size     gzip
    image           1  30.0 kB  16.7 %
    text            1  10.0 kB  50.0 %
    unreadable      1  0 B      -
    all             3  40.0 kB  25.0 %

    wasted   copies  duplicates (10.0 kB wasted in all)
    10.0 kB       2  a

    1 could not be read, the first: EACCES: no"
  `);
});

test("nothing at all gives tables without rows", () => {
  expect(findingsText(sumUp([]), "/tree")).toContain("all       0  0 B   -");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [107_394_952, "107.4 MB"],
  [12_000_000_000_000, "12000.0 GB"],
])("%d bytes are %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

test("inspectFile returns a report, which an outcome keeps unchanged", () => {
  using tree = makeTree({ a: "content", b: "content" });
  linkSync(tree.at("a"), tree.at("c"));
  const reports = ["a", "b", "c", "gone"].map((name): FileReport => inspectFile(tree.at(name)));
  const back = reports.map((r) => parse(FileReport, decodeValue(encodeValue(r)), "report"));
  expect(back).toEqual(reports);
  expect(sumUp(back).duplicates).toMatchObject([{ wastedBytes: 7 }]);
});

test("the carried source is the text of the example, which needs nothing beside it", () => {
  const file = new URL("../../examples/inspect-files.ts", import.meta.url);
  expect(inspectFilesSource).toBe(readFileSync(file, "utf8"));
  const imports = new Bun.Transpiler({ loader: "ts" }).scanImports(inspectFilesSource);
  expect(imports.map(({ path }) => path).filter((path) => !path.startsWith("node:"))).toEqual([]);
});
