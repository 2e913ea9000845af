import { expect, test } from "bun:test";

import {
  formatNeed,
  parseNeeds,
  parseProvides,
  unmetNeeds,
} from "../../src/domain/capabilities.ts";

test("the capabilities of a pool are read with their units", () => {
  expect(parseProvides("gpu,mem=64G,model=a100,cores=8")).toEqual({
    gpu: true,
    mem: 64 * 2 ** 30,
    model: "a100",
    cores: 8,
  });
});

test("equal needs are equal, in whatever order they are written", () => {
  expect(parseNeeds("mem>=16G, gpu")).toEqual(parseNeeds("gpu,mem>=16384M"));
});

test.each([
  ["gpu", "gpu", []],
  ["gpu", "mem=64G", ["gpu"]],
  ["gpu,mem>=16G", "gpu,mem=64G", []],
  ["gpu,mem>=16G", "gpu,mem=8G", ["mem>=16G"]],
  ["mem>=16G", "mem=16G", []],
  ["mem>=16G", "mem=lots", ["mem>=16G"]],
  ["model=a100", "model=h100", ["model=a100"]],
  ["model=a100", "model=a100", []],
  ["gpu", "gpu=0", ["gpu"]],
  ["gpu>=2", "gpu=4", []],
  ["mem>=16G", "mem=64g", []],
  ["mem>=16GiB", "mem=16GB", []],
  ["constructor,toString", "gpu", ["constructor", "toString"]],
])("jobs that need %s, on a pool that provides %s, miss %p", (needs, provides, missing) => {
  expect(unmetNeeds(parseNeeds(needs), parseProvides(provides)).map(formatNeed)).toEqual(missing);
});

test.each([
  ["provides", () => parseProvides("gpu,=4"), 'found "=4"'],
  ["provides", () => parseProvides(""), 'found ""'],
  ["needs", () => parseNeeds("mem>16G"), 'found "mem>16G"'],
  ["needs", () => parseNeeds("mem>=lots"), "expected a number after >="],
  ["needs", () => parseNeeds("mem>="), 'found "mem>="'],
])("a part that is wrong is reported (%s)", (_which, parse, says) => {
  expect(parse).toThrow(says);
});
