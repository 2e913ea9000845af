import { expect, test } from "bun:test";

import { shellWord } from "../../src/domain/shell-word.ts";

test("a word that is quoted comes out of a shell as it went in", async () => {
  for (const text of [
    "",
    "a b",
    "a/b.c",
    "~",
    "#",
    "it's",
    '"$HOME"',
    "`id`",
    "a\nb",
    "\\",
    "*",
    "-n",
    "ü;&|",
  ]) {
    expect(await Bun.$`sh -c ${`printf %s ${shellWord(text)}`}`.text()).toBe(text);
  }
});
