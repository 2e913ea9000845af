import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { splitInput } from "../../tui/input.ts";

const texts = (input: string) => splitInput(input).pieces.map(({ text }) => text);

test("several keys in one piece are separated", () => {
  expect(texts("j\u001b[Aé😀\u001b[<0;5;7M\u001bx\r")).toEqual([
    ...["j", "\u001b[A", "é", "😀", "\u001b[<0;5;7M", "\u001bx", "\r"],
  ]);
});

test("a key that comes in two pieces waits for its rest", () => {
  expect(splitInput("a\u001b[1;")).toEqual({
    pieces: [{ kind: "sequence", text: "a" }],
    rest: "\u001b[1;",
  });
  expect(splitInput("\u001b[1;5A").pieces).toEqual([{ kind: "sequence", text: "\u001b[1;5A" }]);
  expect(splitInput("\u001b").rest).toBe("\u001b");
});

test("pasted text is one piece, even with keys in it", () => {
  expect(splitInput("\u001b[200~q\rc\u001b[A\u001b[201~x").pieces).toEqual([
    { kind: "paste", text: "q\rc\u001b[A" },
    { kind: "sequence", text: "x" },
  ]);
  expect(splitInput("\u001b[200~half").rest).toBe("\u001b[200~half");
});

test("no input is lost, wherever it is cut", () => {
  const part = fc.constantFrom(
    "\u001b",
    "[",
    "A",
    "1",
    ";",
    "<",
    "M",
    "O",
    "a",
    "é",
    "\u001b[B",
    "~",
  );
  fc.assert(
    fc.property(fc.array(part), fc.nat(), (parts, at) => {
      const input = parts.join("");
      const view = at % (input.length + 1);
      let rest = "";
      let read = "";
      for (const chunk of [input.slice(0, view), input.slice(view)]) {
        const split = splitInput(rest + chunk);
        rest = split.rest;
        read += split.pieces.map(({ text }) => text).join("");
      }
      expect(read + rest).toBe(input);
    }),
  );
});
