// Makes the npm package of the library: dist/npm, and dist/pdoflow-VERSION.tgz of it. Run it by
// `npm run build:lib`; docs/library.md tells what is in the package.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { brotliCompressSync } from "node:zlib";

import { ownUrl } from "./build-commonjs.ts";
import { BuildFailed, dependencies, edit, entries, entryPaths } from "./build-modules.ts";
import { removeUnused, writeModules } from "./build-modules.ts";
import packageJson from "./package.json" with { type: "json" };

const root = import.meta.dir;

type Format = "esm" | "cjs";

/** Makes the package anew, and returns the path of its tarball. */
export async function buildLibrary(): Promise<string> {
  mkdirSync(join(root, "dist"), { recursive: true });
  const draft = mkdtempSync(join(root, "dist/.npm-"));
  try {
    const target = join(draft, "package");
    await compile(draft, target);
    packMigrations(join(target, "sql"));
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

/** Compiles what the entries reach: the code, and the types for each format. */
async function compile(draft: string, target: string): Promise<void> {
  const esm = stage(draft, "esm");
  const plain = join(draft, "plain");
  // Comments are for who reads the types, and lines of SQL need no indentation.
  tsc(esm, plain, { removeComments: true });
  edit(join(plain, "db"), ".js", (text) => text.replaceAll(/^ +/gm, ""));
  await writeModules(plain, draft, target);
  for (const format of ["esm", "cjs"] as const) {
    const out = join(target, format);
    const sources = format === "esm" ? esm : stage(draft, format);
    tsc(sources, out, { declaration: true, emitDeclarationOnly: true });
    removeUnused(out, ".d.ts");
    edit(out, ".d.ts", (text) =>
      text.replaceAll(/^(?: {4})+/gm, (indent) => "\t".repeat(indent.length / 4)),
    );
    const disposable = '/// <reference lib="esnext.disposable" />\n'; // whatever the user's lib is
    for (const path of entryPaths(out, ".d.ts")) {
      writeFileSync(path, disposable + readFileSync(path, "utf8"));
    }
  }
  // Some bundlers look no further than here for whether a file may be left out.
  const nearest = { type: "commonjs", sideEffects: false };
  writeFileSync(join(target, "cjs/package.json"), JSON.stringify(nearest));
}

/** A copy of the sources, in a folder whose package.json says which format it is. */
function stage(draft: string, format: Format): string {
  const folder = join(draft, format);
  cpSync(join(root, "src"), join(folder, "src"), { recursive: true });
  const type = format === "esm" ? "module" : "commonjs";
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...packageJson, type }));
  declareMigrations(join(folder, "sql"));
  edit(join(folder, "src"), ".ts", (text) =>
    stagedSource(text).replaceAll("import.meta.url", format === "cjs" ? ownUrl : "import.meta.url"),
  );
  return folder;
}

/** Node imports no files of SQL: their text is in modules, which both formats share. */
const stagedSource = (text: string) =>
  text
    .replaceAll(/(\/sql\/\w+)\.sql" with \{ type: "text" \}/g, '$1.cjs"')
    .replaceAll(/((?:\bfrom |\bimport\()"\.[^"]+)\.ts"/g, '$1.js"');

/** While the code is compiled, the texts of the migrations are modules of which the types count. */
function declareMigrations(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const { key } of migrations()) {
    writeFileSync(join(folder, `${key}.cjs`), "");
    writeFileSync(join(folder, `${key}.d.cts`), "declare const text: string;\nexport = text;\n");
  }
}

/** In the package they are packed together: each by itself they would take a third more room. */
function packMigrations(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const texts = migrations().map(({ lines }) => withoutComments(lines));
  const packed = brotliCompressSync(texts.join("\0")).toString("base64");
  const unpacked = `require("node:zlib").brotliDecompressSync(Buffer.from("${packed}","base64"))`;
  writeFileSync(join(folder, "texts.cjs"), `module.exports=${unpacked}.toString().split("\\0");\n`);
}

/** In the order of their numbers, which are those of their names. */
const migrations = () =>
  readdirSync(join(root, "sql"))
    .sort()
    .map((name) => ({
      key: basename(name, ".sql"),
      lines: readFileSync(join(root, "sql", name), "utf8").split("\n"),
    }));

/** What the tables' rows are is for who reads a schema that lasts: `pdoflow migrate` makes that. */
const withoutComments = (lines: readonly string[]) =>
  lines
    .filter((line) => !/^\s*--/.test(line))
    .map((line) => line.replace(/^ +/, "").replace(/ +-- .*$/, ""))
    .join("\n")
    .replaceAll(/^comment on [^;']*'(?:[^']|'')*';\n/gm, "")
    .split("'") // every second part is a text of SQL; between two there has to be a line's end
    .map((part, place) => (place % 2 === 1 || part.trim() === "" ? part : inOneLine(part)))
    .join("'");

const inOneLine = (part: string) => part.replaceAll(/\n+/g, " ");

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
