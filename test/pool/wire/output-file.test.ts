import { fstatSync, ftruncateSync, writeSync } from "node:fs";
import { expect, test } from "bun:test";

import { freeMiddle } from "../../../src/pool/wire/free-middle.ts";
import {
  closeOutputFile,
  createOutputFile,
  cutOutput,
  joinOutput,
  middleOfOutput,
  readOutput,
  takeOutput,
} from "../../../src/pool/wire/output-file.ts";

const most = 64 * 1024 * 1024;

/** A file in which a job has written so much, between a first and a last line. */
function filled(bytes: number): number {
  const file = createOutputFile();
  writeSync(file, "first\n");
  const { length } = "first\n";
  const block = Buffer.alloc(1024 * 1024, "x");
  for (let left = bytes - length; left > 0; left -= block.length) {
    writeSync(file, block, 0, Math.min(left, block.length));
  }
  return file;
}

test("a file that is cut keeps its beginning and its end, even if nothing follows", () => {
  const file = filled(most);
  writeSync(file, "\nlast\n");
  const cut = cutOutput(file, 0, null);
  expect(cut?.head).toStartWith("first\nxxx");
  expect(cut?.tail).toEndWith("xxx\nlast\n");
  const kept = joinOutput(cut, readOutput(file, 0));
  expect(kept).toStartWith("first\nxxx");
  expect(kept).toEndWith("xxx\nlast\n");
  expect(kept?.length).toBeLessThan(66_000);
  closeOutputFile(file);
});

test("of a file that is cut twice the first beginning and the last end are kept", () => {
  const file = filled(most);
  const first = cutOutput(file, 0, null);
  expect(cutOutput(file, 0, first)).toBe(first); // small by now
  ftruncateSync(file, most);
  writeSync(file, "second\n");
  const second = cutOutput(file, 0, first);
  writeSync(file, "third\n");
  const kept = joinOutput(second, readOutput(file, 0));
  expect(kept).toStartWith("first\nxxx");
  expect(kept).toEndWith("second\nthird\n");
  closeOutputFile(file);
});

test.skipIf(process.platform !== "linux")(
  "text that is written to a long file while its middle is freed is kept",
  () => {
    const file = filled(most);
    const middle = middleOfOutput(file, 0, 0) ?? [0, 0];
    writeSync(file, "\nthe end\n"); // in between
    expect(freeMiddle(file, ...middle)).toBe(true);
    expect(fstatSync(file).blocks * 512).toBeLessThan(200_000);
    expect(middleOfOutput(file, 0, middle[1])).toBeNull();
    const kept = readOutput(file, 0);
    expect(kept).toStartWith("first\nxxx");
    expect(kept).toEndWith("xxx\nthe end\n");
    closeOutputFile(file);
  },
);

test("between two jobs the output of each is taken, once, also of a file that was emptied", () => {
  const file = createOutputFile();
  writeSync(file, "one\0é\n");
  const one = takeOutput(file, 0);
  expect(one).toEqual({ text: "one\u2400é\n", next: 7 });
  writeSync(file, "two");
  const two = takeOutput(file, one.next);
  expect(two).toEqual({ text: "two", next: 10 });
  expect(takeOutput(file, two.next)).toEqual({ text: null, next: 10 });
  ftruncateSync(file, 0); // as a shell does for "> /dev/stdout"
  writeSync(file, "three");
  expect(takeOutput(file, two.next)).toEqual({ text: "three", next: 5 });
  closeOutputFile(file);
});

test.each([
  [64 * 1024, 65_536],
  [64 * 1024 + 1, 65_560],
])("of %i bytes that a job has printed %i characters are kept", (bytes, kept) => {
  const file = filled(bytes);
  const { text, next } = takeOutput(file, 0);
  expect(text).toBe(readOutput(file, 0));
  expect(text).toHaveLength(kept);
  expect(next).toBe(bytes);
  closeOutputFile(file);
});

test("a file that has grown is emptied between two jobs", () => {
  const file = filled(1024 * 1024 - 5);
  expect(takeOutput(file, 1024 * 1024 - 5).next).toBe(1024 * 1024 - 5);
  writeSync(file, "123456");
  expect(takeOutput(file, 1024 * 1024 - 5)).toEqual({ text: "123456", next: 0 });
  expect(fstatSync(file).size).toBe(0);
  closeOutputFile(file);
});
