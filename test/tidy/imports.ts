import { posix } from "node:path";

import { type Source, viewsOf } from "./source.ts";

/** Which layers the files of a layer may import from, besides their own: LAYOUT's arrows. */
const layers: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  version: ["package.json"],
  db: ["domain", "version", "sql"],
  input: ["domain", "version", "db"],
  pool: ["domain", "version", "db"],
  server: ["domain", "version", "db"],
  tui: ["domain", "version", "db"],
  library: ["domain", "version", "db", "pool"],
  cli: ["domain", "version", "db", "input", "pool", "server", "tui", "examples"],
  index: ["domain", "version", "db", "library"],
  testing: ["library"],
  main: ["domain", "version", "db", "input", "pool", "server", "tui", "cli", "index"],
};

/** Who may import what is not ours. A package that is not here is a new dependency: think twice. */
const packages: readonly { name: RegExp; where: RegExp; remedy: string }[] = [
  { name: /^valibot$/, where: /^(src|tui)\//, remedy: "" },
  { name: /^postgres$/, where: /^src\/db\//, remedy: "Ask the database in a file of src/db." },
  {
    name: /^clipanion$/,
    where: /^src\/(cli\/|main\.ts$)/,
    remedy: "Commands are classes of src/cli.",
  },
  {
    name: /^blessed(\/|$)/,
    where: /^tui\/screen\.ts$/,
    remedy: "Draw in tui/screen.ts; a view returns lines of text.",
  },
  {
    name: /^node:/,
    where:
      /^(tui|src\/(?!domain\/))|^src\/domain\/(current-job|job-mark|entry-|server-|values).*\.ts$/,
    remedy: "The domain is pure: let its caller pass in what it needs of the system.",
  },
  {
    name: /^bun(:.*)?$/,
    where: /^(tui|src\/(cli|input|pool|server)|src\/main\.ts)/,
    remedy: "This runs in Node too: use node: modules.",
  },
];

/** What a file imports, types too, as it is written there. */
export function importsOf(text: string): string[] {
  const { code } = viewsOf(text);
  return [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(["'])( *)\1/g)].map((found) => {
    const end = found.index + found[0].length - 1;
    return text.slice(end - (found[2] ?? "").length, end);
  });
}

/** The files that a file imports, as paths from the root. */
export const filesImportedBy = ({ path, text }: Source): string[] =>
  importsOf(text)
    .filter((name) => name.startsWith("."))
    .map((name) => posix.join(posix.dirname(path), name));

function layerOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "src" ? second.replace(/\.ts$/, "") : top;
}

/** Imports that go against the arrows, or that take a package where it does not belong. */
export function importFaults(source: Source): string[] {
  if (source.path.endsWith(".d.ts")) return [];
  const layer = layerOf(source.path);
  const allowed = layers[layer];
  if (!allowed) {
    return [
      `${source.path}: test/tidy/imports.ts knows no layer "${layer}". ` +
        `Move the file to one of ${Object.keys(layers).join(", ")}, or say there what it imports.`,
    ];
  }
  const upwards = filesImportedBy(source)
    .filter((path) => layerOf(path) !== layer && !allowed.includes(layerOf(path)))
    .map(
      (path) =>
        `${source.path} imports ${path}, but ${layer} may import ` +
        `${allowed.join(", ") || "nothing else"}. Move what both need down, or pass it in.`,
    );
  const foreign = importsOf(source.text)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => packageFaults(source.path, name));
  return [...upwards, ...foreign];
}

function packageFaults(path: string, name: string): string[] {
  const rule = packages.find((each) => each.name.test(name));
  if (!rule) return [`${path} imports "${name}", which test/tidy/imports.ts does not know.`];
  return rule.where.test(path) ? [] : [`${path} may not import "${name}". ${rule.remedy}`];
}

/** Whatever `door` reaches that only Bun has: the library's door runs in Node. */
export function bunReachedFrom(door: string, sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set([door]);
  const faults: string[] = [];
  for (const path of reached) {
    const source = byPath.get(path);
    if (!source) continue;
    for (const imported of filesImportedBy(source)) reached.add(imported);
    const isBuns = importsOf(source.text).some((name) => /^bun(:|$)/.test(name));
    if (isBuns || /\bBun\b/.test(viewsOf(source.text).code)) {
      faults.push(
        `${path} uses Bun, and ${door}, which runs in Node, imports it. Use node: there.`,
      );
    }
  }
  return faults;
}

/** Files that nothing imports. `doors` are started by name. */
export function deadFiles(sources: readonly Source[], doors: readonly string[]): string[] {
  const imported = new Set(sources.flatMap(filesImportedBy));
  return sources
    .map(({ path }) => path)
    .filter((path) => /^(src|tui)\//.test(path) && !path.endsWith(".d.ts"))
    .filter((path) => !imported.has(path) && !doors.includes(path))
    .map((path) => `${path} is imported by nothing but tests. Use it, or remove it.`);
}
