import { afterAll, beforeAll, expect, test } from "bun:test";

import { freshDatabase } from "../database.ts";
import { emptyProject, node, packageFile, type Project } from "./project.ts";

/** Posts a job of a file beside the bundle, runs it in its own process, and says what it gave. */
const app = `
import { ClusterPool, close, PdoflowError, postWork, Value } from "pdoflow";
const posting = await postWork("jobs.mjs#double", [[4], [5]]);
const pool = new ClusterPool({ concurrency: 2 });
const { done } = await pool.awaitCompletion(posting);
const results = [];
for await (const { result } of posting.results()) results.push(result);
await pool.stop();
const count = new Value("count", 0);
await count.update((n) => n + 1);
const refused = await postWork("jobs.mjs#double", []).catch((error) => error instanceof PdoflowError);
console.log(JSON.stringify({ done, results, count: await count.get(), refused }));
await close();`;
const expected = { done: 2, results: [8, 10], count: 1, refused: true };

/** What each is told to do, by a script in a project of a user. */
const bundlers = {
  "esbuild, as ESM in pieces": `
    const { build } = load("esbuild");
    await build({
      entryPoints: ["app.mjs"], bundle: true, splitting: true, minify: true, outdir: "out",
      platform: "node", format: "esm", outExtension: { ".js": ".mjs" },
      banner: { js: 'import { createRequire } from "node:module";' +
        "const require = createRequire(import.meta.url);" },
    });`,
  "esbuild, as ESM in pieces, without the packages": `
    const { build } = load("esbuild");
    await build({
      entryPoints: ["app.mjs"], bundle: true, splitting: true, packages: "external", outdir: "out",
      platform: "node", format: "esm", outExtension: { ".js": ".mjs" },
    });`,
  webpack: `
    const webpack = load("webpack");
    const stats = await new Promise((resolve, reject) => {
      webpack({
        mode: "production", target: "node20", entry: "./app.mjs", context: process.cwd(),
        output: { path: process.cwd() + "/out", filename: "app.mjs", module: true },
        experiments: { outputModule: true },
      }, (error, stats) => (error ? reject(error) : resolve(stats)));
    });
    const { errors, warnings } = stats.toJson();
    const told = [...errors, ...warnings].filter(({ message, moduleName = "" }) =>
      /pdoflow/.test(moduleName) || /pdoflow/.test(message));
    if (told.length > 0) throw new Error(JSON.stringify(told.map(({ message }) => message)));`,
  rollup: `
    const { rollup } = load("rollup");
    const resolve = load("@rollup/plugin-node-resolve");
    const commonjs = load("@rollup/plugin-commonjs");
    const plugins = [resolve({ exportConditions: ["node"], preferBuiltins: true }), commonjs()];
    const built = await rollup({ input: "app.mjs", plugins });
    const files = { entryFileNames: "[name].mjs", chunkFileNames: "[name].mjs" };
    await built.write({ dir: "out", ...files });`,
  Bun: `
    const built = await Bun.build({
      entrypoints: ["app.mjs"], outdir: "out", target: "node", splitting: true,
      naming: { entry: "[name].mjs" },
    });
    if (!built.success) throw new Error(built.logs.join());`,
};

let project: Project;
beforeAll(async () => {
  project = await emptyProject();
  await project.write({ "app.mjs": app, "jobs.mjs": "export const double = (n) => 2 * n;" });
}, 600_000); // the first of all installs the packages
afterAll(() => project[Symbol.asyncDispose]());

test.each(Object.entries(bundlers))(
  "a bundle that %s makes posts, runs jobs and waits",
  async (name, script) => {
    await using database = await freshDatabase();
    const load = `
    import { createRequire } from "node:module";
    const load = createRequire(${JSON.stringify(await packageFile("."))});`;
    await project.write({ "bundle.mjs": load + script });
    await project.run(["rm", "-rf", "out"]);
    await project.run([name === "Bun" ? process.execPath : await node("newest"), "bundle.mjs"]);
    const env = { PDOFLOW_DATABASE_URL: database.url };
    const said = await project.run([await node("newest"), "out/app.mjs"], env);
    expect(JSON.parse(said)).toEqual(expected);
  },
  60_000,
);
