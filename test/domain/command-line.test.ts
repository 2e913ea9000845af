import { expect, test } from "bun:test";

import { type CommandInput, commandOf, shellQuoted } from "../../src/domain/command-line.ts";

test.each<[string[], CommandInput, string[]]>([
  [["./r.sh", "{}"], ["a b.fits"], ["./r.sh", "a b.fits"]],
  [["./r.sh"], [], ["./r.sh"]],
  [["./r.sh", "-v"], ["a.fits"], ["./r.sh", "-v", "a.fits"]],
  [
    ["echo", "{.} {/} {//} {/.} {#}"],
    ["d/e.x/a.b.fits"],
    ["echo", "d/e.x/a.b a.b.fits d/e.x a.b 7"],
  ],
  [["echo", "{//}", "{.}"], ["a"], ["echo", ".", "a"]],
  [["echo", "{.}"], ["d.x/.profile"], ["echo", "d.x/.profile"]],
  [
    ["echo", "{2}-{1}"],
    ["a", 5],
    ["echo", "5-a"],
  ],
  [["echo", "{run}", "{other}"], { run: 5, file: "x" }, ["echo", "5", "{other}"]],
  [["awk", "{print $1}"], ["f"], ["awk", "{print $1}", "f"]],
  [["gzip -c {} > {.}.gz"], ["it's 1.txt"], ["gzip -c 'it'\\''s 1.txt' > 'it'\\''s 1'.gz"]],
  [["wc -l"], ["$(rm -rf x)", "b"], ["wc -l '$(rm -rf x)' b"]],
  [
    ["cp", "{}", "x"],
    ["$&", "b"],
    ["cp", "$& b", "x"],
  ],
])("%j for %j is %j", (template, input, words) =>
  expect(commandOf(template, input, 7)).toEqual(words),
);

test("a word that is quoted comes out of a shell as it went in", async () => {
  for (const text of ["", "a b", "it's", '"$HOME"', "`id`", "a\nb", "\\", "*", "-n", "ü;&|"]) {
    expect(await Bun.$`sh -c ${`printf %s ${shellQuoted(text)}`}`.text()).toBe(text);
  }
});
