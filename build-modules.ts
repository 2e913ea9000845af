// The modules of the npm package, of compiled sources: which there are, and in which format.
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

import { asCommonJs } from "./build-commonjs.ts";
import packageJson from "./package.json" with { type: "json" };

/** What can be imported, by the file of src that is behind it. */
export const entries = { ".": "index", "./testing": "testing" };

/** What the library runs on; the other dependencies are those of the program. */
const { postgres, valibot } = packageJson.dependencies;
/** Of postgres.js this very version: src/db relies on what its documentation does not promise. */
export const dependencies = { postgres, valibot: `^${valibot}` };

export class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}

/**
 * All code as CommonJS, and as ESM the part of which a bundler can leave something out. So most of
 * it is there once, in the package and in a process that loads both formats.
 */
export async function writeModules(plain: string, draft: string, target: string): Promise<void> {
  const code = join(draft, "code");
  await bundle(plain, code);
  for (const path of filesIn(code, ".js")) writeFileSync(path, await inOrder(path));
  removeUnused(code, ".js");
  shortenNames(code);
  const [esm, cjs] = [join(target, "esm"), join(target, "cjs")];
  edit(code, ".js", (text) => text.replaceAll(/\bimport\((?=[\w$])/g, `import(${notBundled}`));
  const kept = splittable(code);
  for (const path of kept) {
    const file = join(esm, relative(code, path));
    const elsewhere = (name: string) => {
      const imported = join(dirname(path), name);
      if (kept.has(imported)) return undefined;
      return `"${relative(dirname(file), join(cjs, relative(code, imported)))}"`;
    };
    const text = readFileSync(path, "utf8")
      .replaceAll(/(from|import)"(\.[^"]+)"/g, (whole, word: string, name: string) => {
        const found = elsewhere(name);
        return found ? word + found : whole;
      })
      .replaceAll(/\bimport\("(\.[^"]+)"\)/g, (whole, name: string) => {
        const found = elsewhere(name);
        // Bundlers that split give nothing but the default export then, others no such thing.
        return found ? `import(${found}).then((m)=>m.default??m)` : whole;
      });
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  cpSync(code, cjs, { recursive: true });
  edit(cjs, ".js", asCommonJs);
  for (const folder of [esm, cjs]) edit(folder, ".js", inShortLines);
}

/** Node shows the whole line that an error comes from, where nobody catches it. */
function inShortLines(text: string): string {
  let begin = 0;
  return text.replaceAll(/;(?=[\w$#])|\n/g, (found, at: number) => {
    if (found === ";" && at - begin < 280) return found;
    begin = at;
    return found === ";" ? ";\n" : found;
  });
}

/** A file of the user is imported by whoever runs, not by the bundler. */
const notBundled = "/*webpackIgnore:true*//*@vite-ignore*/";

/** The entries, and what they import that leads to an `import()`. */
function splittable(code: string): Set<string> {
  const found = new Map<string, boolean>();
  const look = (path: string): boolean => {
    const known = found.get(path);
    if (known !== undefined) return known;
    const text = readFileSync(path, "utf8");
    const imported = [...text.matchAll(/(?:from|import)"(\.[^"]+\.js)"/g)];
    const leads = imported.filter(([, name = ""]) => look(join(dirname(path), name)));
    found.set(path, leads.length > 0 || /\bimport\("\./.test(text));
    return found.get(path) === true;
  };
  const paths = entryPaths(code, ".js");
  for (const path of paths) look(path);
  return new Set([...paths, ...[...found.keys()].filter((path) => found.get(path))]);
}

/**
 * Puts modules together that are only ever needed together, small. What the entries name has a file
 * each, so that bundlers leave out what is not used; what is imported when it is needed stays so.
 */
async function bundle(from: string, outdir: string): Promise<void> {
  const files = entryPaths(from, ".js");
  const named = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/ from "(\.[^"]+)"/g)].map(([, name = ""]) =>
      join(from, name),
    ),
  );
  await Bun.build({
    ...{ entrypoints: [...new Set([...files, ...named])], root: from, outdir },
    ...{ target: "node", format: "esm", splitting: true, minify: true },
    naming: { entry: "[dir]/[name].js", chunk: "chunk-[hash].js" },
    external: Object.keys(dependencies),
    plugins: [sharedMigrations],
  });
}

/** Names without the hashes, which are there many times and can't be packed. */
function shortenNames(folder: string): void {
  const names = filesIn(folder, ".js").map((path) => basename(path));
  const size = (name: string) => statSync(join(folder, name)).size;
  const chunks = names
    .filter((name) => name.startsWith("chunk-"))
    .sort((a, b) => size(a) - size(b) || (a < b ? -1 : 1)); // not by hash: order is room, too
  const short = (text: string) =>
    chunks.reduce((so, name, index) => so.replaceAll(name, `${index}.js`), text);
  edit(folder, ".js", short);
  for (const name of chunks) renameSync(join(folder, name), join(folder, short(name)));
}

/** The texts of the migrations are in one file of their own. */
const sharedMigrations: Bun.BunPlugin = {
  name: "shared-migrations",
  setup(build) {
    build.onResolve({ filter: /^migration-texts$/ }, () => ({
      path: "../sql/texts.cjs", // from a chunk: those are at the top
      external: true,
    }));
    build.onResolve({ filter: /\/sql\/\w+\.cjs$/ }, ({ path }) => ({
      path: basename(path, ".cjs"),
      namespace: "migration",
    }));
    build.onLoad({ filter: /./, namespace: "migration" }, ({ path }) => ({
      contents: `import texts from "migration-texts";
        export default texts[${Number(path.slice(0, 4)) - 1}];`,
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

export const entryPaths = (folder: string, ending: ".js" | ".d.ts") =>
  Object.values(entries).map((file) => join(folder, file + ending));

/** Leaves the files that those of the entries name: code, and declarations. */
export function removeUnused(folder: string, ending: ".js" | ".d.ts"): void {
  const used = new Set(entryPaths(folder, ending));
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

export function edit(folder: string, ending: string, change: (text: string) => string): void {
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
