import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import * as pdoflow from "../../src/index.ts";

const repository = join(import.meta.dir, "../..");
const names = await readdir(join(repository, "docs"));
const pages = [
  "README.md",
  ...names.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

/** Code that the pages mention and do not show: a program of the reader. */
const world = {
  "world.d.ts": `
    declare module "@opentelemetry/api" {
      type Context = { context: symbol };
      export const context: { active(): Context };
      export const propagation: { extract(context: Context, carrier: object): Context };
      export const trace: { getTracer(name: string): {
        startSpan(name: string, options: object, context: Context): { end(): void };
      } };
    }
    declare const user: { id: number };
    declare const rows: (readonly [number, { rate: number }])[];
    declare const item: string;
    declare const fit: typeof import("./fit.ts").fit;
    declare const files: (readonly [string])[];
    declare const frame: (file: string) => number;
    declare const flat: typeof frame;
    declare const measure: typeof frame;
    declare const threshold: (frame: number, limit: number) => number;
    declare const combine: () => number;
    declare const add: (start: number) => number;
    declare const report: (night: string) => void;
    declare const ship: (order: number) => void;
    declare const sendSummary: (user: number) => void;
    declare const orders: unique symbol;
    declare const sql: (texts: TemplateStringsArray, ...values: unknown[]) => { isSql: true };
    declare const db: { transaction(work: (tx: {
      insert(table: typeof orders): { values(row: object): { returning(): Promise<[{ id: number }]> } };
      execute(query: { isSql: true }): Promise<unknown>;
    }) => Promise<void>): Promise<void> };`,
  "sign-up.ts": `
    import { job, postWork } from "pdoflow";
    export const welcome = job((address: string) => address);
    export const signUp = (address: string) => postWork(welcome, [[address]]);`,
  "../../jobs/thumbnail.ts": `
    export const thumbnail = (file: string, { width }: { width: number }) => file + width;`,
};

let folder: string;
const blocks: string[] = [];
beforeAll(async () => {
  const top = await mkdtemp(join(tmpdir(), "pdoflow-guide-blocks-"));
  folder = join(top, "app/guide");
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await symlink(repository, join(folder, "node_modules/pdoflow"));
  await symlink(join(repository, "node_modules/valibot"), join(folder, "node_modules/valibot"));
  for (const [name, text] of Object.entries(world)) await Bun.write(join(folder, name), text);
  for (const page of pages) {
    const text = await Bun.file(join(repository, page)).text();
    for (const [, name, code = ""] of text.matchAll(/^```ts(?: (\S+))?\n(.*?)^```$/gms)) {
      const file = name ?? `block-${blocks.length}.ts`;
      await Bun.write(join(folder, file), name ? code : withImports(code));
      blocks.push(file);
    }
  }
  await Bun.write(join(folder, "tsconfig.json"), JSON.stringify(settings()));
});
afterAll(() => rm(join(folder, "../.."), { recursive: true }));

/** A block that shows a part of a file has imports that its page need not say. */
function withImports(code: string): string {
  const used = Object.keys(pdoflow).filter(
    (name) =>
      new RegExp(`\\b${name}\\b`).test(code) &&
      !new RegExp(`import [^;]*\\b${name}\\b|(const|function) ${name}\\b`).test(code),
  );
  return `import { ${used.join(", ")} } from "pdoflow";\n${code}\nexport {};\n`;
}

const settings = () => ({
  extends: join(repository, "tsconfig.json"),
  compilerOptions: { typeRoots: [join(repository, "node_modules/@types")], noUnusedLocals: false },
  include: ["*.ts"],
  files: [join(repository, "src/sql.d.ts")],
});

test("each block of TypeScript in the documentation compiles", async () => {
  expect(blocks.length).toBeGreaterThan(12);
  const tsc = join(repository, "node_modules/.bin/tsc");
  const child = Bun.spawn([tsc, "--project", "."], { cwd: folder, stdout: "pipe" });
  expect(await child.stdout.text()).toBe("");
}, 60_000);
