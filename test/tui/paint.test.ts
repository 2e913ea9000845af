import { expect, test } from "bun:test";
import { Terminal } from "@xterm/headless";
import * as fc from "fast-check";

import { frameOf, line, type Frame, type Line } from "../../tui/draw/frame.ts";
import { paint } from "../../tui/draw/paint.ts";
import { paletteOf } from "../../tui/draw/palette.ts";

const style = { palette: paletteOf("256", "default"), isUtf8: true };
const tones = ["plain", "bad", "dim", "bar"] as const;

const words = fc.constantFrom(
  "a",
  "  ",
  "漢字",
  "e\u0301",
  "█",
  "─",

  "x".repeat(30),
  "é",
  "·",
);
const anyLine: fc.Arbitrary<Line> = fc.record({
  spans: fc.array(fc.record({ text: words, tone: fc.constantFrom(...tones) }), { maxLength: 8 }),
  isChosen: fc.boolean(),
});
const size = { columns: 24, rows: 5 };

const readable = (frame: Frame) =>
  frame.cells.map((row) =>
    row
      .map(({ text }) => text)
      .join("")
      .trimEnd(),
  );

async function shown(terminal: Terminal, text: string): Promise<string[]> {
  await new Promise<void>((resolve) => terminal.write(text, resolve));
  const { active } = terminal.buffer;
  return Array.from({ length: size.rows }, (_, y) =>
    (active.getLine(y)?.translateToString(true) ?? "").trimEnd(),
  );
}

test("the terminal shows exactly each frame of a sequence", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyLine, { maxLength: 5 }), { minLength: 1, maxLength: 5 }),
      async (all) => {
        const { columns: cols, rows } = size;
        const terminal = new Terminal({ cols, rows, allowProposedApi: true });
        let before: Frame | null = null;
        for (const lines of all) {
          const frame = frameOf(lines, size, style);
          // Blanks at the end of a row may be written or not: a reader sees no difference.
          expect(await shown(terminal, `\u001b[?7l${paint(before, frame)}`)).toEqual(
            readable(frame),
          );
          before = frame;
        }
        expect(terminal.buffer.active.baseY).toBe(0); // nothing has scrolled
        terminal.dispose();
      },
    ),
    { numRuns: 200 },
  );
});

test("text after a character of uncertain width stands in its column", async () => {
  // This emulator takes it to be one column wide, most terminals two.
  const terminal = new Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true });
  const frame = frameOf([line("🚀ab")], size, style);
  expect((await shown(terminal, paint(null, frame)))[0]).toBe("🚀 ab");
  terminal.dispose();
});

test("a frame that is the same sends nothing, and one that differs a little sends little", () => {
  const frame = (n: number) => frameOf([line("jobs ", String(n)), line("more")], size, style);
  expect(paint(frame(1), frame(1))).toBe("");
  expect(paint(frame(1), frame(2)).length).toBeLessThan(30);
});

test("a row has as many cells as the screen is wide, with a wide character at its end too", () => {
  const { cells } = frameOf([line(`${"x".repeat(23)}漢`)], size, style);
  expect(cells[0]?.length).toBe(24);
  expect(cells[0]?.at(-1)?.text).toBe(" ");
});
