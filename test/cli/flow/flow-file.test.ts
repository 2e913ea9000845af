import { expect, test } from "bun:test";

import { flowOf } from "../../../src/cli/flow/flow-file.ts";
import { parseSettings } from "../../../src/cli/flow/flow-settings.ts";
import { parseToml } from "../../../src/pool/notify/toml-lines.ts";
import { messageOf } from "../../../src/domain/errors.ts";

/** Reads a flow file with these settings. */
function read(text: string, ...settings: string[]) {
  const document = parseToml(text);
  if ("problem" in document) throw new Error(`night.toml:${document.line}: ${document.problem}`);
  const placeOf = (path: readonly string[]) => `night.toml:${document.lineOf(path)}`;
  return flowOf(
    { source: "night.toml", values: document.values, placeOf },
    parseSettings(settings),
  );
}

/** The problems of a flow file, a line each. */
function problems(text: string, ...settings: string[]): string[] {
  try {
    read(text, ...settings);
  } catch (error) {
    return messageOf(error)
      .split("\n")
      .filter((line) => line !== "Nothing was posted.");
  }
  return [];
}

const night = `name = "night"
[set]
night = "yesterday"
degree = 2

[stage.combine]
run = "combine.ts#catalogue"
after = ["measure", "flat"]
tolerate = "1%"

[stage.measure]
run = "measure.ts#stars"
from-glob = "data/{night}/*.fits"
max-running = 32
kw = { degree = 2, mode = "fast", id = "7" }
after = "flat"

[stage.flat]
run = ["gzip", "{}"]
each = ["1-{degree}", "mode=a,b"]
args = [1, "1", [2, 3]]
no-results = true
`;

test("stages come in topological order, with the options of post", () => {
  const { name, key, stages } = read(night, "night=2026-11-25");
  expect({ name, key }).toEqual({ name: "night", key: null });
  expect(stages.map((stage) => [stage.name, stage.run])).toEqual([
    ["flat", ["gzip", "{}"]],
    ["measure", "measure.ts#stars"],
    ["combine", "combine.ts#catalogue"],
  ]);
  const [flat, measure, combine] = stages.map(({ options }) => [...options.values()].flat());
  expect(flat).toEqual([
    ...["--each=1-2", "--each=mode=a,b", "--args=1", '--args="1"', "--args=[2,3]", "--no-results"],
  ]);
  expect(measure).toEqual([
    ...["--from-glob=data/2026-11-25/*.fits", "--max-running=32"],
    ...["--kw=degree=2", '--kw=mode="fast"', '--kw=id="7"'],
  ]);
  expect(combine).toEqual(["--tolerate=1%"]);
});

test.each([
  ["[1, 2, 3]", ["--each=[1,2,3]"]],
  ['"1-3"', ["--each=1-3"]],
  ['["a", "2026-11-30"]', ['--each=["a","2026-11-30"]']],
  ['["1"]', ['--each=["1"]']],
  ["5", ["--each=[5]"]],
  ['[["a", "b"], "1-3"]', ['--each=["a","b"]', "--each=1-3"]],
  ["[[1, 2]]", ["--each=[1,2]"]],
  ['{ mode = ["a", "b"], degree = "1-3" }', ['--each=mode=["a","b"]', "--each=degree=1-3"]],
] as const)("each = %s: a list has the values of one list, or lists", (value, words) => {
  const { stages } = read(`name = "x"\n[stage.a]\nrun = "a.ts#f"\neach = ${value}`);
  expect([...(stages[0]?.options.values() ?? [])].flat()).toEqual([...words]);
});

test("each: a value beside a list is refused with both spellings", () => {
  const stage = 'name = "x"\n[stage.a]\nrun = "a.ts#f"\neach = ';
  expect(problems(`${stage}["a", "1-3"]`)).toEqual([
    'night.toml:4: each: expected values, or lists to combine, found the value "a" beside the list ' +
      '"1-3". Write each = ["a", "b"] for a job for each value, or each = [["a", "b"], "1-3"] for ' +
      "each combination",
  ]);
});

test("a stage waits for other stages by name, and for postings outside by selector", () => {
  const { stages } = read(`name = "x"
    [stage.a]
    run = "a.ts#a"
    after = 41
    after-any = "@other"
    [stage.b]
    run = "a.ts#b"
    after = "a"`);
  const words = stages.map(({ references }) => references.map(({ word }) => word(() => 7)));
  expect(words).toEqual([["--after=41", "--after-any=@other"], ["--after=7"]]);
  expect(stages.map(({ upstreams }) => upstreams)).toEqual([[], [{ stage: "a", kind: "after" }]]);
});

test("20: what is wrong is refused with its line, and all of it at once", () => {
  const text = `nmae = "x"
[stage.reduce]
run = "reduce.ts#frame"
max-runnig = 3
after = "measur"

[stage.measure]
run = "measure.ts stars"
no-results = "yes"
timeout = [1, 2]

[stage.last]
run = "a.ts#a"
`;
  expect(problems(text)).toEqual([
    'night.toml:1: unknown key "nmae". Did you mean "name"?',
    "night.toml:1: name: expected letters, digits and _.:+-, a letter first, found nothing",
    'night.toml:4: unknown key "max-runnig". Did you mean "max-running"?',
    'night.toml:5: after: there is no stage "measur". Did you mean "measure"?',
    'night.toml:8: run: expected an entry point such as fit.ts#fit, found "measure.ts stars". ' +
      'Write a command as a list of words: run = ["measure.ts", "stars"]',
    'night.toml:9: no-results: expected true or false, found "yes"',
    "night.toml:10: timeout: expected one DURATION, found a list of 2",
    "night.toml:12: expected a name of a stage of up to 40 letters, digits, _ and -, a letter " +
      'first, other than last, found "last"',
  ]);
});

test.each([
  ["a = 1\na = 2", "night.toml:2: Cannot redefine key 'a'"],
  ['name = "x"\n[stage.a]\nrun = "a.ts#a"\n[stage.a]\n', "night.toml:4: Cannot redefine table 'a'"],
  ['name = "x\n[stage.a]', "night.toml:1: Unterminated string"],
  ['# "\n\nlist = [\n  1, # ]\n  "]"\n]\ntext = """\na = [\n"""\nb = ', "night.toml:10: Missing"],
])("20: %j is not TOML, and the line says where", (text, message) => {
  expect(problems(text)[0]).toStartWith(message);
});

test("20: a cycle is refused with its stages", () => {
  const stage = (name: string, after: string) =>
    `[stage.${name}]\nrun = "a.ts#a"\nafter = "${after}"\n`;
  const text = `name = "x"\n${stage("a", "c")}${stage("b", "a")}${stage("c", "b")}`;
  expect(problems(text)).toEqual([
    "night.toml:4: expected stages that wait for earlier ones, found a cycle: a waits for c waits " +
      "for b waits for a",
  ]);
});

test("20: what is missing from a stage is reported with the line of its header", () => {
  expect(problems('name = "x"\n\n[stage.a]\nmax-running = 1\n')).toEqual([
    'night.toml:3: expected run = "file.ts#name", the function of this stage',
  ]);
});

test("a stage reads no standard input, which could not be read twice", () => {
  expect(problems('name = "x"\n[stage.a]\nrun = "a.ts#a"\nfile = ["a.json", "-"]\n')).toEqual([
    "night.toml:4: file: expected a file, found standard input",
  ]);
});

test("a setting that the file does not have is refused, and one that it misspells", () => {
  const stage = '[stage.a]\nrun = "a.ts#a"\nfrom-glob = "{nigth}/{a,b}.fits"\n';
  const text = `name = "x"\n[set]\nnight = 1\n${stage}`;
  expect(problems(text)).toEqual([
    'night.toml:6: there is no setting "nigth". Did you mean "night"?',
  ]);
  expect(problems(text, "nihgt=2")).toEqual([
    '--set: the flow has no setting "nihgt". Did you mean "night"?',
  ]);
  expect(problems(text, "moon=2")).toEqual([
    '--set: the flow has no setting "moon". [set] has: night. ' +
      'Add its default to the file: [set] moon = "…"',
  ]);
  expect(problems(text, "night", "night=1", "night=2")).toEqual([
    '--set: expected NAME=VALUE, found "night"; night is given twice',
  ]);
});

test("a file without stages, or with values of the wrong kind, is refused", () => {
  expect(problems("name = 3\nkey = 4\nset = 5")).toEqual([
    "night.toml:1: name: expected letters, digits and _.:+-, a letter first, found 3",
    "night.toml:1: expected at least one stage, such as [stage.reduce]",
    "night.toml:2: key: expected a text of 1 to 500 characters, found 4",
    "night.toml:3: set: expected a table, found 5",
  ]);
  expect(problems('name = "x"\nstage = [1]')).toEqual([
    "night.toml:1: expected at least one stage, such as [stage.reduce]",
    "night.toml:2: stage: expected a table, found a list",
  ]);
});
