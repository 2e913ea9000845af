// Each line with `pdoflow` in the documents is one that the program takes: command, options, words.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Cli } from "clipanion";

import type { CliContext } from "../../src/cli/shell/context.ts";
import { commands } from "../../src/cli/commands.ts";
import { isForHelp, pythonNames } from "../../src/cli/shell/dispatch.ts";
import { rewriteWords } from "../../src/cli/shell/command-words.ts";
import { commandTexts } from "../../src/cli/shell/reference.ts";

const root = join(import.meta.dir, "../..");
const documents = [
  ...["README.md", "examples/README.md", "bench/README.md"],
  ...readdirSync(join(root, "docs")).flatMap((name) =>
    name.endsWith(".md") ? `docs/${name}` : [],
  ),
];

const inCode = /^```(sh|sh run|bash|text|console)\n([^]*?)^```|(?<!`)`([^`\n]+)`/gm;
/** A word, partly quoted or not; the end of a command; a comment. */
const token = /(?:"[^"]*"|'[^']*'|[^\s"'|&;<>()#]|(?<=\S)#)+|[|&;<>()]+|#.*/g;

/** The arguments of each call of pdoflow in a line of shell. */
function callsIn(line: string): string[][] {
  const calls: string[][] = [];
  let call: string[] | null = null;
  for (const [word] of line.replaceAll("\\|", "|").matchAll(token)) {
    if (/^[|&;<>()#]/.test(word)) call = null;
    else if (call) call.push(word.replaceAll(/["']/g, ""));
    else if (/^(\S*\/)?pdoflow$/.test(word)) calls.push((call = []));
  }
  return calls;
}

/** Of the pages of help only the examples, which are indented, and no options. */
const isHelp = (line: string) => /^(\S| {2}-| {3})/.test(line);

const calls = documents.flatMap((path) =>
  [...readFileSync(join(root, path), "utf8").matchAll(inCode)]
    .flatMap(({ 1: language, 2: block, 3: span = "" }) =>
      (block ?? span).split("\n").filter((line) => language !== "text" || !isHelp(line)),
    )
    .filter((line) => !/…|COMMAND/.test(line)) // stands for something
    .filter((line) => !/^(docker|kubectl) /.test(line)) // has it as a name
    .flatMap((line) => callsIn(line).map((args) => ({ path, line: line.trim(), args }))),
);

/**
 * The reason why a call is refused; null if it is accepted, or would be with one more word: then it
 * is only a mention.
 */
async function refusal(args: readonly string[]): Promise<string | null> {
  const [word = ""] = args;
  if (pythonNames.has(word)) return null;
  const load = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (!load) return args.length === 0 ? null : `there is no command ${word}`;
  if (isForHelp(args)) return null;
  const classes = await load();
  const options = classes.flatMap(commandTexts)[0]?.options ?? [];
  const cli = Cli.from<CliContext>(classes, { binaryName: "pdoflow" });
  let why: string | null = null;
  for (const more of [["x"], ["get"], ["get", "x"], []]) {
    try {
      cli.process(rewriteWords([...args, ...more], options), {} as CliContext);
      return null;
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
  }
  return why;
}

test("each line of the documents that calls pdoflow is one that it takes", async () => {
  const faults = [];
  for (const { path, line, args } of calls) {
    const why = await refusal(args);
    if (why !== null) faults.push(`${path}: ${line}: ${why}`);
  }
  expect(faults).toEqual([]);
  expect(calls.length).toBeGreaterThan(150);
});

test("lines that the program does not accept are found", async () => {
  const faultOf = async (line: string) => await Promise.all(callsIn(line).map(refusal));
  expect(await faultOf("ls *.md | pdoflow run --max-workers 2 -- gzip {} # and so on")).toEqual([
    null,
  ]);
  expect(await faultOf("pdoflow wait 42 || pdoflow failures 42 --nonsense")).toEqual([
    null,
    expect.stringContaining("nonsense"),
  ]);
  expect(await faultOf("x=$(pdoflow psot)")).toEqual(["there is no command psot"]);
  expect(await faultOf("pdoflow cancel")).toEqual([null]);
});
