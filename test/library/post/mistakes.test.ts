import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ClusterPool, postWork as typed, Value } from "../../../src/index.ts";
import { scale } from "../jobs.ts";

const root = join(import.meta.dir, "../../..");

/** As a program without types calls it. Nothing listens there: none of these may get so far. */
const postWork = typed as unknown as (...args: unknown[]) => Promise<unknown>;
const db = "postgres://nobody@127.0.0.1:1/none";
const options = { root: join(import.meta.dir, ".."), db };

test.each<[name: string, mistake: () => unknown, said: string]>([
  ["no function", () => postWork(undefined, [[1]]), "found a value of type undefined"],
  ["no function, but null", () => postWork(null, [[1]]), "marked, found null"],
  ["a function that is not marked", () => postWork(() => 1, [[1]]), "that job() marked"],
  [
    "arguments that are not in lists",
    () => postWork(scale, [1, 2]),
    "found a value of type number",
  ],
  ["a promise of lists", () => postWork(scale, Promise.resolve([])), "a promise: await it first"],
  [
    "options in the place of kwargs",
    () => postWork(scale, [[1]], options),
    "Options come after it",
  ],
  [
    "an option that is spelled wrongly",
    () => postWork(scale, [[1]], [], { ...options, prioritty: 1 }),
    'prioritty: unknown name. Did you mean "priority"?',
  ],
  [
    "an option whose letters are swapped",
    () => postWork(scale, [[1]], [], { ...options, maxAttemps: 3 }),
    'maxAttemps: unknown name. Did you mean "maxAttempts"?',
  ],
  [
    "an option that there is not",
    () => new ClusterPool({ size: 1 } as object),
    "size: unknown name; expected one of concurrency, maxWorkers, root, project, binary, db",
  ],
  ["an entry point without a name", () => postWork("fit.ts", [[1]]), 'has no "#" and name'],
  [
    "a value that a promise gives",
    () => new Value<unknown>("n", 0, { db }).set(Promise.resolve(1)),
    "Await it",
  ],
])("%s: the message says so", async (_name, mistake, said) => {
  const told = await Promise.resolve()
    .then(mistake)
    .then(
      () => "nothing",
      (error: Error) => error.message,
    );
  expect(told).toContain(said);
});

const mistyped = `
import { job, postWork } from ${JSON.stringify(join(root, "src/index.ts"))};
const fit = job(async function fit(run: number, options: { rate: number }) {
  return run * options.rate;
});
await postWork(fit, [[1, { rate: 1 }]], [], { maxAttemps: 3 });
await postWork(fit, [[1]], [{ rate: 1 }], { maxAttemps: 3 });
await postWork("fit.ts#fit", [[1, { rate: 1 }]], [], { maxAttemps: 3 });
await postWork(fit, [[1, { rate: 1 }]], [{ rate: 1 }], { maxAttempts: 3 });
await postWork(fit, [["1", { rate: 1 }]], [], { maxAttempts: 3 });
`;

test("TypeScript reports a misspelt option, and other mistakes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-typed-"));
  const config = {
    extends: join(root, "tsconfig.json"),
    include: [],
    files: ["a.ts", join(root, "src/sql.d.ts")],
    compilerOptions: { typeRoots: [join(root, "node_modules/@types")] },
  };
  await Bun.write(join(folder, "tsconfig.json"), JSON.stringify(config));
  await Bun.write(join(folder, "a.ts"), mistyped);
  const tsc = [join(root, "node_modules/.bin/tsc"), "--project", folder, "--pretty", "false"];
  const said = await Bun.spawn(tsc, { cwd: folder, stdout: "pipe" }).stdout.text();
  rmSync(folder, { recursive: true });
  const [first, second, third, together, wrong, ...more] = said.split(/^(?=\S*a\.ts\()/m);
  for (const one of [first, second, third])
    expect(one).toContain("Did you mean to write 'maxAttempts'?");
  expect(together).toContain("posargs and kwargs do not fit the function together");
  expect(wrong).toContain("Type 'string' is not assignable to type 'number'");
  expect(more).toEqual([]);
}, 60_000);
