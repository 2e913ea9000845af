import { expect, test } from "bun:test";

import {
  type CommandInput,
  commandOf,
  type CommandWord,
} from "../../../src/pool/worker/command-line.ts";

test.each<[string[], CommandInput, CommandWord[]]>([
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
  [["echo", "{run}", "\\{other}"], { run: 5, file: "x" }, ["echo", "5", "{other}"]],
  [["echo", "\\{}", "\\{1}", "{}"], ["a"], ["echo", "{}", "{1}", "a"]],
  [["awk", "{print}", "{}"], ["f"], ["awk", "{print}", "f"]],
  [["awk", "NR==1{next}{print}", "{file}"], { file: "f" }, ["awk", "NR==1{next}{print}", "f"]],
  [["x={}; echo ${x} ${1} ${x}"], ["a"], ["x=a; echo ${x} ${1} ${x}"]],
  [
    ["grep", "-E", "^[0-9]{3}(ab){2}\\d{4}$"],
    ["f"],
    ["grep", "-E", "^[0-9]{3}(ab){2}\\d{4}$", "f"],
  ],
  [["jq", '{"a":1}', "{a,b}", "{ x }"], ["f"], ["jq", '{"a":1}', "{a,b}", "{ x }", "f"]],
  [["curl", "-w", "%{http_code}", "{}"], ["u"], ["curl", "-w", "%{http_code}", "u"]],
  [["git", "log", "@{upstream}"], ["f"], ["git", "log", "@{upstream}", "f"]],
  [["awk", "{print $1}"], ["f"], ["awk", "{print $1}", "f"]],
  [["gzip -c {} > {.}.gz"], ["it's 1.txt"], ["gzip -c 'it'\\''s 1.txt' > 'it'\\''s 1'.gz"]],
  [
    ["{2/.}", "{1//}"],
    ["d/a.x", "e/b.y"],
    ["b", "d"],
  ],
  [["gpu{%}.log", "{}"], ["a"], [["gpu", ".log"], "a"]],
  [["wc -l"], ["$(rm -rf x)", "b"], ["wc -l '$(rm -rf x)' b"]],
  [
    ["cp", "{}", "x"],
    ["$&", "b"],
    ["cp", "$& b", "x"],
  ],
])("%j for %j is %j", (template, input, words) =>
  expect(commandOf(template, input, 7)).toEqual(words),
);

test.each<[string, CommandInput, string]>([
  ["{nme}", { name: "bob", n: 3 }, "{nme} has no value in job 7"],
  ["{nme}", { name: "bob", n: 3 }, '{name}, {n}, {1} to {2}. Did you mean "name"'],
  ["{nme}", { name: "bob", n: 3 }, "For the text itself write '\\{nme}'."],
  ["{3}", ["a", "b"], "{3} has no value in job 7"],
  ["{2.}", ["a"], "{2.} has no value"],
  ["{##}", ["a"], "{##} has no value"],
  ["{name}", ["a"], "{name} has no value"],
])("%s for %j: %s", (word, input, message) =>
  expect(() => commandOf(["echo", word], input, 7)).toThrow(message),
);
