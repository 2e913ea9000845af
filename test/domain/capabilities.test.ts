import { expect, test } from "bun:test";

import {
  formatNeed,
  parseNeeds,
  parseResourceList,
  parseResources,
  unmetNeeds,
} from "../../src/domain/capabilities.ts";

test("the resources of a pool are read with their units, and change detected ones", () => {
  const words = ["fast-disk", "mem=64G", "model=a100", "gpu=0,1", "licence/matlab=2", "cpus=none"];
  expect(parseResources(words, { cpus: 8, gpu: ["4"] })).toEqual({
    "fast-disk": true,
    mem: 64 * 2 ** 30,
    model: "a100",
    gpu: ["0", "1"],
    "licence/matlab": 2,
  });
});

test("equal needs are equal, in whatever order they are written", () => {
  expect(parseNeeds("mem>=16G, gpu")).toEqual(parseNeeds("gpu,mem>=16384M"));
});

test.each([
  ["gpu", "gpu", []],
  ["gpu", "mem=64G", ["gpu"]],
  ["gpu,mem>=16G", "gpu=0 mem=64G", []],
  ["gpu,mem>=16G", "gpu mem=8G", ["mem>=16G"]],
  ["mem>=16G", "mem=16G", []],
  ["disk>=16G", "disk=lots", ["disk>=16G"]],
  ["cpus=1", "cpus=0,1", []],
  ["model=a100", "model=h100", ["model=a100"]],
  ["model=a100", "model=a100", []],
  ["gpu", "gpu=0", []],
  ["disk", "disk=0", ["disk"]],
  ["gpu>=2", "gpu=0,1", []],
  ["gpu>=2", "gpu=4", ["gpu>=2"]],
  ["gpu=2", "gpu=0,1", []],
  ["gpu=3", "gpu=0,1", ["gpu=3"]],
  ["gpu=0.5", "gpu=0", []],
  ["gpu=1", "gpu", ["gpu=1"]],
  ["port=1.5", "port=8001,8002", ["port=1.5"]],
  ["cpus=1.5,licence/matlab=2", "cpus=2 licence/matlab=2", []],
  ["mem>=16G", "mem=64g", []],
  ["mem>=16GiB", "mem=16GB", []],
  ["mem=16Gi,scratch=512Mi", "mem=16G scratch=1Gi", []],
  ["constructor,toString", "gpu", ["constructor", "toString"]],
])("jobs that need %s, on a pool that provides %s, miss %p", (needs, provides, missing) => {
  expect(
    unmetNeeds(parseNeeds(needs), parseResources(provides.split(" "))).map(formatNeed),
  ).toEqual(missing);
});

test("amounts with a unit are whole bytes", () => {
  expect(parseNeeds("mem=1.1G,scratch=0.3K")).toEqual([
    ["mem", "=", 1_181_116_007],
    ["scratch", "=", 308],
  ]);
});

test.each([
  ["resource", () => parseResources(["=4"]), 'found "=4"'],
  ["resource", () => parseResources([""]), 'found ""'],
  ["resource", () => parseResources(["gpu=0,0"]), 'found "gpu=0,0"'],
  ["resource", () => parseResources(["gpu="]), 'found "gpu="'],
  ["needs", () => parseNeeds("gpu=1,gpu=2"), "expected one amount of gpu, found two"],
  ["needs", () => parseNeeds("gpu=0"), "gpu=0: expected an amount from 0.0001"],
  ["needs", () => parseNeeds("gpu=1.5"), "a share of one gpu such as 0.5"],
  ["needs", () => parseNeeds("mem>16G"), 'found "mem>16G"'],
  ["needs", () => parseNeeds("mem>=lots"), "expected a number after >="],
  ["needs", () => parseNeeds("mem>="), 'found "mem>="'],
  ...["gpu=-1", "cpus=abc", "cpus=1e9", "gpu=1e1", "gpu=two", "licence/x=-1"].map(
    (part) => ["needs", () => parseNeeds(part), `${part}: expected an amount such as 1`] as const,
  ),
  ["needs", () => parseNeeds("mem=8X"), "mem=8X: expected an amount such as 8G"],
  ...["mem=8", "mem>=0.5", "mem=1023K"].map(
    (part) => ["needs", () => parseNeeds(part), `${part}: expected at least 1M`] as const,
  ),
  ["resource", () => parseResources(["mem=64"]), "mem=64: expected at least 1M, because amounts"],
  ["needs", () => parseNeeds("cpu=4"), 'expected the name cpus, found "cpu"'],
  ["needs", () => parseNeeds("gpus"), 'expected the name gpu, found "gpus"'],
  ["needs", () => parseNeeds("GPU>=1"), 'expected the name gpu, found "GPU"'],
  ["needs", () => parseNeeds("CPUS=2"), 'expected the name cpus, found "CPUS"'],
  ["needs", () => parseNeeds("memory=8G"), 'expected the name mem, found "memory"'],
  ["resource", () => parseResources(["Memory=8G"]), 'expected the name mem, found "Memory"'],
  ...["cpus=abc", "mem=x", "cpus=1e5", "cpus=0", "licence/x=-1", "gpu=none,1", "gpu=0,1,none"].map(
    (word) => ["resource", () => parseResources([word]), `found "${word}"`] as const,
  ),
  ...["mem=0", "mem=1,2", "cpus=a,b", "gpu=-1"].map(
    (word) => ["resource", () => parseResources([word]), `found "${word}"`] as const,
  ),
  ["--for", () => parseResourceList("gpu=", "--for"), "--for: expected a part"],
])("a part that is wrong is reported (%s)", (_which, parse, says) => {
  expect(parse).toThrow(says);
});
