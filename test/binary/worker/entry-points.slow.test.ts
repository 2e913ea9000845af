import { expect, test } from "bun:test";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";
import { runOne, project } from "../../pool/worker/project.ts";

test("packages, path aliases, JSON, CommonJS, TSX and top-level await of the project are found", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await project(cli, {
    "package.json": `{ "name": "mine", "imports": { "#own": "./src/own.ts" } }`,
    "tsconfig.json": `{ "compilerOptions": { "paths": { "@/*": ["./src/*"] } } }`,
    "src/own.ts": `export const own = await Promise.resolve("own");`,
    "src/data.json": `{ "answer": 42 }`,
    "src/old.cjs": `module.exports = { old: () => require("./data.json").answer + 1 };`,
    "src/view.tsx": `/** @jsxRuntime classic @jsx h */ const h = (tag: string) => "<" + tag + ">"; export const view = () => <b />;`,
    "src/fn.ts": `
      import { own } from "@/own.ts";
      import { own as same } from "#own";
      import data from "./data.json";
      import esm from "esm-package/sub";
      import cjs from "cjs-package";
      export const all = () => [own, same, data.answer, esm, cjs.name];`,
    "node_modules/esm-package/package.json": `{ "name": "esm-package", "type": "module", "exports": { "./sub": "./lib/sub.js" } }`,
    "node_modules/esm-package/lib/sub.js": `export default "esm"; export const shout = (s) => s + "!";`,
    "node_modules/cjs-package/package.json": `{ "name": "cjs-package", "main": "./lib/main.js" }`,
    "node_modules/cjs-package/lib/main.js": `exports.name = require("./name.js");`,
    "node_modules/cjs-package/lib/name.js": `module.exports = "cjs";`,
  });
  expect(await runOne(cli, db, "src/fn.ts#all", [])).toEqual(["own", "own", 42, "esm", "cjs"]);
  expect(await runOne(cli, db, "src/old.cjs#old", [])).toBe(43);
  expect(await runOne(cli, db, "src/view.tsx#view", [])).toBe("<b>");
  expect(await runOne(cli, db, "esm-package/sub#shout", ["hey"])).toBe("hey!");
});

test("a file that imports pdoflow works in the workers, though no such package is installed", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await project(cli, {
    "fn.ts": `
      import { job } from "pdoflow";
      export const twice = job((n: number) => 2 * n);`,
  });
  expect(await runOne(cli, db, "fn.ts#twice", [21])).toBe(42);
});

test("a module is loaded once for each worker, and neither .env nor bunfig.toml of the root is read", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await project(cli, {
    ".env": "SECRET_OF_DOTENV=1\n",
    "bunfig.toml": `preload = ["./preload.ts"]\n`,
    "preload.ts": `globalThis.preloaded = true;`,
    "fn.ts": `
      let calls = 0;
      export const count = () => [++calls, process.env.SECRET_OF_DOTENV ?? null, "preloaded" in globalThis];`,
  });
  const input = "[[],[],[]]";
  await cli.runWith({ input, cwd: join(cli.folder, "project") }, "post", "fn.ts#count");
  await cli.runWith({ cwd: join(cli.folder, "project") }, "pool", "--once", "--max-workers", "1");
  const rows = await db.sql`select result from pdoflow.outcome order by seq`;
  expect(rows.map((row) => row["result"])).toEqual([
    [1, null, false],
    [2, null, false],
    [3, null, false],
  ]);
});

test("workers get no credentials: nothing of their environment leads to the database", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await project(cli, {
    "fn.ts": `
      import { readFileSync } from "node:fs";
      export const env = () => JSON.stringify([process.env, readFileSync("/proc/self/cmdline", "utf8")]);`,
  });
  const found = await runOne(cli, db, "fn.ts#env", []);
  expect(found).toContain("PATH");
  expect(found).not.toContain("DATABASE_URL");
  expect(found).not.toContain(db.name);
});
