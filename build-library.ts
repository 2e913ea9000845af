// Makes the npm package of the library: dist/npm, and dist/pdoflow-VERSION.tgz of it. Run it by
// `npm run build:lib`; docs/library.md tells what is in the package.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import packageJson from "./package.json" with { type: "json" };

const root = import.meta.dir;

/** What can be imported, by the file of src that is behind it. */
const entries = { ".": "index" };

/** What the library runs on; the other dependencies are those of the program. */
const { postgres, valibot } = packageJson.dependencies;
/** Of postgres.js this very version: src/db relies on what its documentation does not promise. */
const dependencies = { postgres, valibot: `^${valibot}` };

type Format = "esm" | "cjs";

class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}

/** Makes the package anew, and returns the path of its tarball. */
export function buildLibrary(): string {
  mkdirSync(join(root, "dist"), { recursive: true });
  const draft = mkdtempSync(join(root, "dist/.npm-"));
  try {
    const target = join(draft, "package");
    for (const format of ["esm", "cjs"] as const) compile(draft, target, format);
    writeMigrations(join(target, "sql"), false);
    writeFileSync(join(target, "package.json"), JSON.stringify(manifest(), undefined, 2));
    for (const name of ["LICENSE", "CHANGELOG.md"]) cpSync(join(root, name), join(target, name));
    cpSync(join(root, "docs/library.md"), join(target, "README.md"));
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
 * Compiles what the entries reach, file by file, so that bundlers leave out what is not used. A
 * copy of the sources is compiled, in a folder whose package.json says which format it is.
 */
function compile(draft: string, target: string, format: Format): void {
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
  tsc(stage, out, { removeComments: true });
  tsc(stage, out, { declaration: true, emitDeclarationOnly: true });
  removeUnusedTypes(out);
  const disposable = '/// <reference lib="esnext.disposable" />\n'; // whatever the user's lib is
  for (const file of Object.values(entries)) {
    const path = join(out, `${file}.d.ts`);
    writeFileSync(path, disposable + readFileSync(path, "utf8"));
  }
  if (format === "esm") return;
  writeFileSync(join(target, "cjs/package.json"), JSON.stringify({ type }));
  // An import() that stays one needs a flag in some test runners. Those of user's files stay.
  edit(join(target, "cjs"), ".js", (text) =>
    text.replaceAll(/\bimport\(("\.[^"]+")\)/g, "Promise.resolve().then(() => require($1))"),
  );
}

const ownUrl = 'require("node:url").pathToFileURL(__filename).href';

/** Node imports no files of SQL: their text is in modules, which both formats share. */
const stagedSource = (text: string) =>
  text
    .replaceAll(/(\/sql\/\w+)\.sql" with \{ type: "text" \}/g, '$1.cjs"')
    .replaceAll(/((?:\bfrom |\bimport\()"\.[^"]+)\.ts"/g, '$1.js"');

function writeMigrations(folder: string, hasTypes: boolean): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(join(root, "sql"))) {
    const lines = readFileSync(join(root, "sql", name), "utf8").split("\n");
    const text = JSON.stringify(lines.filter((line) => !/^\s*--/.test(line)).join("\n"));
    const path = join(folder, basename(name, ".sql"));
    writeFileSync(`${path}.cjs`, `module.exports = ${text};\n`);
    if (hasTypes) writeFileSync(`${path}.d.cts`, "declare const text: string;\nexport = text;\n");
  }
}

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

/** Leaves the declarations that those of the entries name. */
function removeUnusedTypes(folder: string): void {
  const used = new Set(Object.values(entries).map((file) => join(folder, `${file}.d.ts`)));
  for (const path of used) {
    for (const [, name = ""] of readFileSync(path, "utf8").matchAll(/"(\.[^"\n]+)\.js"/g)) {
      used.add(join(path, "..", `${name}.d.ts`));
    }
  }
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (name.endsWith(".d.ts") && !used.has(path)) rmSync(path);
  }
}

function edit(folder: string, ending: string, change: (text: string) => string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(ending)) continue;
    const path = join(folder, name);
    const text = readFileSync(path, "utf8");
    const changed = change(text);
    if (changed !== text) writeFileSync(path, changed);
  }
}

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
    const tarball = buildLibrary();
    console.error(`${tarball}: ${(readFileSync(tarball).length / 1000).toFixed(0)} kB`);
  } catch (error) {
    console.error(error instanceof BuildFailed ? `build: ${error.message}` : error);
    process.exitCode = 1;
  }
}
