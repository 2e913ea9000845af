import { expect, test } from "bun:test";
import { closeSync, fstatSync } from "node:fs";

import { takeArguments, writeArguments } from "../../../src/pool/wire/argument-file.ts";
import { createUnnamedFile } from "../../../src/pool/wire/unnamed-file.ts";

const mega = 2 ** 20;

test.each([
  ["empty", ""],
  ["of one block and a pair of surrogates across its end", `${"x".repeat(mega - 1)}😀y`],
  ["of characters of three bytes", "語".repeat(mega + 1)],
  ["of pairs across each end", `z${"😀".repeat(mega)}`],
])("a text %s comes back from the file, which is empty then", (_name, text) => {
  const file = createUnnamedFile();
  try {
    writeArguments(file, `what was there before ${text}`);
    writeArguments(file, text);
    expect(takeArguments(file) === text).toBe(true);
    expect(fstatSync(file).size).toBe(0);
  } finally {
    closeSync(file);
  }
});
