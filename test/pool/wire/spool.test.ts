import { closeSync, fstatSync, openSync, readdirSync, readlinkSync, writeSync } from "node:fs";
import { expect, test } from "bun:test";

import { type SpoolRange, Spool } from "../../../src/pool/wire/spool.ts";
import { createUnnamedFile } from "../../../src/pool/wire/unnamed-file.ts";

const read = async (piece: SpoolRange) => Buffer.concat(await Array.fromAsync(piece.blocks()));

function fileOf(text: string): number {
  const file = createUnnamedFile();
  writeSync(file, text);
  return file;
}

test("pieces are read in any order, with what their file had when they were copied", async () => {
  const spool = new Spool();
  const file = fileOf("first second");
  const [first, second] = [spool.copy(file, 0, 5), spool.copy(file, 6, 12)];
  await spool.copied;
  writeSync(file, "XXXXXXXXXXXX", 0);
  closeSync(file);
  expect(String(await read(second))).toBe("second");
  expect(String(await read(first))).toBe("first");
  expect(String(await read(spool.copy(-1, 3, 3)))).toBe("");
});

test("a piece that cannot be copied is the only one with an error", async () => {
  const spool = new Spool();
  const file = fileOf("good");
  const [bad, good] = [spool.copy(openSync("/", "r"), 0, 4), spool.copy(file, 0, 4)];
  expect(await read(bad).catch(String)).toContain("EISDIR");
  expect(String(await read(good))).toBe("good");
});

test.skipIf(process.platform !== "linux")("room is free again once pieces are read", async () => {
  const spool = new Spool();
  const file = fileOf("x".repeat(1024 * 1024));
  const before = openFiles();
  const pieces = Array.from({ length: 130 }, () => spool.copy(file, 0, 1024 * 1024));
  await spool.copied;
  expect(openFiles() - before).toBe(3); // of 64 MiB each
  for (const piece of pieces) for await (const block of piece.blocks()) block.at(0);
  for (let turns = 0; openFiles() - before > 1 && turns < 1_000; turns++)
    await new Promise(setImmediate);
  expect(openFiles() - before).toBeLessThanOrEqual(1); // the one that is written to
  expect(fstatSync(file).size).toBe(1024 * 1024);
});

/** How many files without a name this process has open. */
const openFiles = () =>
  readdirSync("/proc/self/fd").filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).endsWith("(deleted)");
    } catch {
      return false; // the one of this very look
    }
  }).length;
