// Makes the npm package of the library: dist/npm, and dist/pdoflow-VERSION.tgz of it. Run it by
// `npm run build:lib`; docs/library.md tells what is in the package.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync } from "node:zlib";

import { asCommonJs, ownUrl } from "./build-commonjs.ts";
import packageJson from "./package.json" with { type: "json" };

const root = import.meta.dir;

/** What can be imported, by the file of src that is behind it. */
const entries = { ".": "index", "./testing": "testing" };

/** What the library runs on; the other dependencies are those of the program. */
const { postgres, valibot } = packageJson.dependencies;
/** Of postgres.js this very version: src/db relies on what its documentation does not promise. */
const dependencies = { postgres, valibot: `^${valibot}` };

type Format = "esm" | "cjs";

class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}

/** Makes the package anew, and returns the path of its tarball. */
export async function buildLibrary(): Promise<string> {
  mkdirSync(join(root, "dist"), { recursive: true });
  const draft = mkdtempSync(join(root, "dist/.npm-"));
  try {
    const target = join(draft, "package");
    for (const format of ["esm", "cjs"] as const) await compile(draft, target, format);
    writeMigrations(join(target, "sql"), false);
    writeFileSync(join(target, "package.json"), JSON.stringify(manifest(), undefined, 2));
    for (const name of ["LICENSE", "CHANGELOG.md"]) cpSync(join(root, name), join(target, name));
    writeFileSync(join(target, "README.md"), readMe());
    const tarball = pack(draft, target);
    const packed = join(root, "dist", basename(tarball));
    rmSync(join(root, "dist/npm"), { recursive: true, force: true });
    renameSync(target, join(root, "dist/npm"));
    renameSync(tarball, packed);
    return packed;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** The beginning of the guide: the first ten minutes. All of it is on the web. */
function readMe(): string {
  const guide = readFileSync(join(root, "docs/library.md"), "utf8");
  return `${guide.slice(0, guide.indexOf("\n## Post"))}\nMore: docs/library.md of PDOFlow.\n`;
}

/** The package.json that is published. */
function manifest(): Record<string, unknown> {
  const { name, version, description, license } = packageJson;
  const typed = (format: Format, file: string) => ({
    types: `./${format}/${file}.d.ts`,
    default: `./${format}/${file}.js`,
  });
  const exports = Object.entries(entries).map(([entry, file]) => [
    entry,
    { import: typed("esm", file), require: typed("cjs", file) },
  ]);
  return {
    ...{ name, version, description, license },
    engines: { node: ">=20.3" }, // for AbortSignal.any
    type: "module",
    sideEffects: false,
    main: "./cjs/index.js",
    types: "./cjs/index.d.ts",
    exports: { ...Object.fromEntries(exports), "./package.json": "./package.json" },
    files: ["esm", "cjs", "sql"],
    dependencies,
    publishConfig: { access: "public", provenance: true },
  };
}

/**
 * Compiles what the entries reach. A copy of the sources is compiled, in a folder whose
 * package.json says which format it is.
 */
async function compile(draft: string, target: string, format: Format): Promise<void> {
  const stage = join(draft, format);
  cpSync(join(root, "src"), join(stage, "src"), { recursive: true });
  cpSync(join(root, "package.json"), join(stage, "package.json"));
  const type = format === "esm" ? "module" : "commonjs";
  writeFileSync(join(stage, "package.json"), JSON.stringify({ ...packageJson, type }));
  writeMigrations(join(stage, "sql"), true);
  edit(join(stage, "src"), ".ts", (text) =>
    stagedSource(text).replaceAll("import.meta.url", format === "cjs" ? ownUrl : "import.meta.url"),
  );
  const out = join(target, format);
  // Comments are for who reads the types; the code has to be small.
  const code = join(draft, "code");
  if (format === "esm") {
    const plain = join(draft, "plain");
    tsc(stage, plain, { removeComments: true });
    await bundle(plain, code);
    for (const path of filesIn(code, ".js")) writeFileSync(path, await inOrder(path));
  }
  cpSync(code, out, { recursive: true });
  if (format === "cjs") edit(out, ".js", asCommonJs);
  tsc(stage, out, { declaration: true, emitDeclarationOnly: true });
  removeUnused(out, ".d.ts");
  removeUnused(out, ".js");
  const disposable = '/// <reference lib="esnext.disposable" />\n'; // whatever the user's lib is
  for (const file of Object.values(entries)) {
    const path = join(out, `${file}.d.ts`);
    writeFileSync(path, disposable + readFileSync(path, "utf8"));
  }
  if (format === "cjs") writeFileSync(join(out, "package.json"), JSON.stringify({ type }));
}

/**
 * Puts modules together that are only ever needed together, small. What the entries name has a file
 * each, so that bundlers leave out what is not used; what is imported when it is needed stays so.
 */
async function bundle(from: string, outdir: string): Promise<void> {
  const files = Object.values(entries).map((file) => join(from, `${file}.js`));
  const named = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/ from "(\.[^"]+)"/g)].map(([, name = ""]) =>
      join(from, name),
    ),
  );
  const others = apart.map((file) => join(from, `${file}.js`));
  await Bun.build({
    ...{ entrypoints: [...new Set([...files, ...named, ...others])], root: from, outdir },
    ...{ target: "node", format: "esm", splitting: true, minify: true },
    naming: { entry: "[dir]/[name].js", chunk: "chunk-[hash].js" },
    external: Object.keys(dependencies),
    plugins: [sharedMigrations],
  });
}

/**
 * What else has a file of its own. The same code in both formats, side by side in the tarball,
 * takes hardly more room than one, as far as the two are no more than 32 kB from each other.
 */
const apart = [
  ...["db/connect", "db/postings", "domain/values"],
  ...["library/posting", "pool/pool", "pool/recorder"],
];

/** The texts of the migrations stay files of their own, which both formats share. */
const sharedMigrations: Bun.BunPlugin = {
  name: "shared-migrations",
  setup(build) {
    build.onResolve({ filter: /\/sql\/\w+\.cjs$/ }, ({ path }) => ({
      path: `../sql/${basename(path)}`, // from a chunk: those are at the top
      external: true,
    }));
  },
};

/** The code of a module with its imports first, and its exports last, in one list. */
async function inOrder(path: string): Promise<string> {
  const built = await Bun.build({
    ...{ entrypoints: [path], target: "node", format: "esm", external: ["*"], minify: true },
  });
  const [output] = built.outputs;
  if (!output) throw new BuildFailed(`${path} could not be put in order`);
  return await output.text();
}

/** Node imports no files of SQL: their text is in modules, which both formats share. */
const stagedSource = (text: string) =>
  text
    .replaceAll(/(\/sql\/\w+)\.sql" with \{ type: "text" \}/g, '$1.cjs"')
    .replaceAll(/((?:\bfrom |\bimport\()"\.[^"]+)\.ts"/g, '$1.js"');

/**
 * A module for each migration. In the package their texts are packed together, since each by itself
 * they would take a third more room; while it is compiled only their types count.
 */
function writeMigrations(folder: string, hasTypes: boolean): void {
  mkdirSync(folder, { recursive: true });
  const texts: Record<string, string> = {};
  for (const name of readdirSync(join(root, "sql"))) {
    const key = basename(name, ".sql");
    const lines = readFileSync(join(root, "sql", name), "utf8").split("\n");
    texts[key] = withoutComments(lines);
    const path = join(folder, key);
    writeFileSync(`${path}.cjs`, `module.exports=require("./texts.cjs")["${key}"];\n`);
    if (hasTypes) writeFileSync(`${path}.d.cts`, "declare const text: string;\nexport = text;\n");
  }
  const packed = brotliCompressSync(JSON.stringify(texts)).toString("base64");
  const unpacked = `require("node:zlib").brotliDecompressSync(Buffer.from("${packed}","base64"))`;
  writeFileSync(join(folder, "texts.cjs"), `module.exports=JSON.parse(${unpacked});\n`);
}

/** What the tables' rows are is for who reads a schema that lasts: `pdoflow migrate` makes that. */
const withoutComments = (lines: readonly string[]) =>
  lines
    .filter((line) => !/^\s*--/.test(line))
    .map((line) => line.replace(/^ +/, "").replace(/ +-- .*$/, ""))
    .join("\n")
    .replaceAll(/^comment on [^;']*'(?:[^']|'')*';\n/gm, "");

function tsc(stage: string, outDir: string, options: Record<string, boolean>): void {
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      ...{ outDir, rootDir: "src", target: "es2022" },
      ...{ module: "nodenext", moduleResolution: "nodenext" },
      ...{ types: ["node"], typeRoots: [join(root, "node_modules/@types")] },
      ...{ noEmit: false, allowImportingTsExtensions: false, stripInternal: true },
      ...{ verbatimModuleSyntax: false, esModuleInterop: true },
      ...options,
    },
    include: [],
    files: Object.values(entries).map((file) => `src/${file}.ts`),
  };
  const path = join(stage, "tsconfig.json");
  writeFileSync(path, JSON.stringify(config));
  run([join(root, "node_modules/.bin/tsc"), "--project", path], stage);
}

/** Leaves the files that those of the entries name: code, and declarations. */
function removeUnused(folder: string, ending: ".js" | ".d.ts"): void {
  const used = new Set(Object.values(entries).map((file) => join(folder, file + ending)));
  for (const path of used) {
    for (const [, name = ""] of readFileSync(path, "utf8").matchAll(/"(\.[^"\n]+)\.js"/g)) {
      used.add(join(path, "..", name + ending));
    }
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (name.endsWith(ending) && !used.has(path)) rmSync(path);
  }
}

function edit(folder: string, ending: string, change: (text: string) => string): void {
  for (const path of filesIn(folder, ending)) {
    const text = readFileSync(path, "utf8");
    const changed = change(text);
    if (changed !== text) writeFileSync(path, changed);
  }
}

const filesIn = (folder: string, ending: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

function pack(draft: string, target: string): string {
  const npm = ["npm", "pack", "--json", "--ignore-scripts", "--pack-destination", draft];
  const said = run([...npm, "--cache", join(draft, "cache")], target);
  const [packed] = JSON.parse(said) as { filename: string }[];
  if (!packed) throw new BuildFailed(`npm pack should have named a file, and said: ${said}`);
  return join(draft, packed.filename);
}

function run(command: string[], cwd: string): string {
  const child = Bun.spawnSync(command, { cwd });
  const said = child.stdout.toString();
  if (child.exitCode === 0) return said;
  throw new BuildFailed(`${command.join(" ")} failed:\n${said}${child.stderr.toString()}`);
}

if (import.meta.main) {
  try {
    const tarball = await buildLibrary();
    console.error(`${tarball}: ${(readFileSync(tarball).length / 1000).toFixed(0)} kB`);
  } catch (error) {
    console.error(error instanceof BuildFailed ? `build: ${error.message}` : error);
    process.exitCode = 1;
  }
}
