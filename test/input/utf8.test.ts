import { expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";

import { decodeUtf8 } from "../../src/input/utf8.ts";
import { anySizes, chunks } from "./chunks.ts";

setDefaultTimeout(60_000);

const decode = async (bytes: string | Uint8Array, sizes?: readonly number[]) =>
  (await Array.fromAsync(decodeUtf8(chunks(bytes, sizes), "a.json"))).join("");

test("any text in any pieces comes back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), anySizes, async (text, sizes) => {
      expect(await decode(`.${text}`, sizes)).toBe(`.${text}`);
    }),
  );
});

test("any bytes in any pieces are decoded or refused as by TextDecoder", async () => {
  const anyBytes = fc.array(fc.constantFrom(0x20, 0x41, 0x80, 0xbf, 0xc2, 0xe2, 0xed, 0xf0, 0xff));
  await fc.assert(
    fc.asyncProperty(anyBytes, anySizes, async (bytes, sizes) => {
      const expected = new TextDecoder().decode(Uint8Array.from(bytes));
      const result = await decode(Uint8Array.from(bytes), sizes).catch(() => "refused");
      expect(result).toBe(expected.includes("\uFFFD") ? "refused" : expected);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  [
    [0xff, 0xfe, 0x5b],
    "a.json: expected UTF-8 text, found 0xff at byte 0. Save the file as UTF-8.",
  ],
  [[0x5b, 0x22, 0xc3, 0x28], "a.json: expected UTF-8 text, found 0xc3 at byte 2"],
  [[0x5b, 0xe2, 0x82], "a.json: expected UTF-8 text, found 0xe2 at byte 1"],
])("%j is refused: %s", async (bytes, message) => {
  for (const sizes of [[100], [1], [2], [3]]) {
    const found = await decode(Uint8Array.from(bytes), sizes).catch(
      (error: Error) => error.message,
    );
    expect(found).toStartWith(message);
  }
});
