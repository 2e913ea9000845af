import { expect, test } from "bun:test";

import { commands } from "../../../src/cli/commands.ts";
import { rewriteWords } from "../../../src/cli/shell/command-words.ts";
import { commandTexts } from "../../../src/cli/shell/reference.ts";

const options = (await commands["run"]?.())?.flatMap(commandTexts)[0]?.options ?? [];

test.each<[string, string]>([
  ["run -k -- gzip -9 {}", "run -k --command=gzip --command=-9 --command={}"],
  ["run -k gzip -9 {}", "run -k --command=gzip --command=-9 --command={}"],
  ["run -j8 tar -j x", "run -j=8 --command=tar --command=-j --command=x"],
  ["run -j 8 --name n echo --help", "run -j 8 --name n --command=echo --command=--help"],
  ["run a.ts#f b.json -k", "run a.ts#f b.json -k"],
  ["post a.ts b.json", "post a.ts b.json"],
  ["run t.csv - -- cat {a}", "run t.csv - --command=cat --command={a}"],
  ["run gzip ::: a 1.50", 'run --command=gzip --each=["a","1.50"]'],
  ["run a.ts#f ::: x 1.50 -2", 'run a.ts#f --each=["x",1.50,-2]'],
  [
    "run echo {1} ::: a b :::+ 1 2",
    'run --command=echo --command={1} --link --each=["a","b"] --each=["1","2"]',
  ],
  ["run echo :::: a.txt", "run --command=echo a.txt"],
  ["run a.ts#f --args 1 -2 x -k", "run a.ts#f --args=1 --args=-2 --args=x -k"],
  ["run a.ts#f --args 1 ::: 2", "run a.ts#f --args=1 --each=[2]"],
  ["run my --args 1", "run --command=my --command=--args --command=1"],
  ["set-priority 42 -1", "set-priority 42 -- -1"],
  ["pool -j8", "pool -j=8"],
])("%s is read as %s", (line, words) =>
  expect(rewriteWords(line.split(" "), options).join(" ")).toBe(words),
);

test.each<[string, boolean]>([
  ["echo {#} {}", true],
  ["grep -c '#' {}", true],
  ["echo {} # a note", true],
  ["a.ts#f g", false],
  ["my data/a.ts#f", false],
  ["a.ts # f", false],
  ["my package#f", false],
  ["{#}", false],
])("the word '%s' is a line for the shell: %p", (word, isLine) => {
  expect(rewriteWords(["run", word], options)).toEqual([
    "run",
    isLine ? `--command=${word}` : word,
  ]);
});
