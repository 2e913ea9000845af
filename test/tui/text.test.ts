import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { clusters, cut, fit, harmless, harmlessLines, widthOf, wrap } from "../../tui/draw/text.ts";

test("escape sequences are taken out whole, other controls are shown as a dot", () => {
  expect(harmless("\u001b[31mred\u001b[0m")).toBe("red");
  expect(harmless("\u001b]52;c;b3duZWQ=\u0007after")).toBe("after");
  expect(harmless("\u001b]0;title\u001b\\after")).toBe("after");
  expect(harmless("\u001bPq#0~\u001b\\after")).toBe("after");
  expect(harmless("\u009b31mred")).toBe("red");
  expect(harmless("a\u0000b\u0008c\u007fd")).toBe("a·b·c·d");
  expect(harmless("a\u202eb\u200bc")).toBe("abc");
});

test("harmless text contains nothing that a terminal obeys", () => {
  const part = fc.constantFrom(
    "\u001b",
    "[",
    "]",
    "\u0007",
    "0m",
    "\u009b",
    "\n",
    "x",
    "\u202e",
    "\\",
  );
  fc.assert(
    fc.property(
      fc.array(part).map((parts) => parts.join("")),
      (text) => {
        expect(harmless(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(cut(text, 5)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      },
    ),
  );
});

test("wide characters take two columns, marks none", () => {
  expect(widthOf("漢字")).toBe(4);
  expect(widthOf("🚀")).toBe(2);
  expect(widthOf("e\u0301")).toBe(1);
  expect(clusters("e\u0301x").map(({ text }) => text)).toEqual(["e\u0301", "x"]);
  // Two marks of a hundred are enough.
  expect(clusters(`e${"\u0301".repeat(100)}`)[0]?.text.length).toBe(3);
});

test("a text that is cut or fitted never takes more columns than it may, and fitted takes all", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 0, max: 20 }), (text, width) => {
      expect(widthOf(cut(text, width))).toBeLessThanOrEqual(width);
      expect(widthOf(fit(text, width))).toBe(width);
      for (const each of wrap(text, Math.max(2, width))) {
        expect(widthOf(each)).toBeLessThanOrEqual(Math.max(2, width));
      }
    }),
  );
});

test("lines end where a terminal would end them", () => {
  expect(harmlessLines("a\r\nb\rc\td\n")).toEqual(["a", "b", "c  d", ""]);
});
