import { closeSync, constants, readdirSync, readlinkSync, readSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "bun:test";

import { createUnnamedFile } from "../../../src/pool/wire/unnamed-file.ts";

const named = () => readdirSync(tmpdir()).filter((name) => /^pdoflow-[0-9a-f-]{36}$/.test(name));

test("a file without a name can be written and read, and never had one", () => {
  const file = createUnnamedFile(constants.O_APPEND);
  writeSync(file, "one ");
  writeSync(file, "two", 0); // appended all the same
  const bytes = Buffer.alloc(7);
  readSync(file, bytes, 0, 7, 0);
  expect(bytes.toString()).toBe("one two");
  expect(named()).toEqual([]);
  // The kernel calls a file that was opened without a name by its inode.
  if (process.platform === "linux") {
    expect(readlinkSync(`/proc/self/fd/${file}`)).toMatch(/\/#\d+ \(deleted\)$/);
  }
  closeSync(file);
});
