import { expect, test } from "bun:test";

import { job, Registry } from "../../../src/index.ts";
import * as jobs from "../jobs.ts";

test("a handle knows the function and its entry point", async () => {
  const handle = Registry.get(jobs.scale);
  expect(handle.fn).toBe(jobs.scale);
  expect(await handle.entryPoint(`${import.meta.dir}/..`)).toBe("jobs.ts#scale");
  expect(await handle.entryPoint(`${import.meta.dir}/../..`)).toBe("library/jobs.ts#scale");
});

test("a function that was not marked is refused with a name to post it by", async () => {
  const error = await Registry.get((n: number) => n)
    .postWork([[1]])
    .catch(String);
  expect(error).toMatch(/NotAJob: .*export const fit = job\(/);
});

test("a function is in the registry once, in the order of its adding", () => {
  const first = job(() => 1);
  const second = job(() => 2);
  expect(Registry.add(first)).toBe(first);
  Registry.add(second);
  Registry.add(first);
  const mine = [...Registry].filter((fn) => fn === first || fn === second);
  expect(mine).toEqual([first, second]);
});

test("job adds marked functions to the registry", () => {
  expect([...Registry]).toContain(jobs.scale);
});
