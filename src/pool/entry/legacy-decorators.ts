import { readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";

import { loaders } from "./local-imports.ts";

/** The options of tsconfig.json by which decorators are compiled. */
interface DecoratorOptions {
  experimentalDecorators?: boolean;
  emitDecoratorMetadata?: boolean;
}

const none: DecoratorOptions = {};
let isProvided = false;

/**
 * From now on, imported files are compiled with the legacy decorators of TypeScript if the nearest
 * tsconfig.json sets `experimentalDecorators`, as Bun does. Compiled binaries of Bun read only the
 * `paths` of tsconfig.json. Call it before the import of `file`.
 */
export function provideLegacyDecorators(file: string): void {
  const isBinary = Bun.main.startsWith("/$bunfs/");
  if (!isBinary || isProvided || !usesLegacy(file)) return;
  isProvided = true;
  Bun.plugin({
    name: "legacy-decorators",
    setup(build) {
      build.onLoad({ filter: /^(?!.*\/node_modules\/).*\.[cm]?tsx?$/ }, ({ path }) => {
        const text = readFileSync(path, "utf8");
        const loader = loaders[extname(path)] ?? "ts";
        // Compiled text has other line numbers, so Bun compiles files without decorators.
        if (!/@[\w$(]/.test(text) || !usesLegacy(path)) return { contents: text, loader };
        // As text, because the type of the object lacks these options.
        const tsconfig = JSON.stringify({ compilerOptions: decoratorOptions(dirname(path)) });
        const transpiler = new Bun.Transpiler({ loader, target: "bun", tsconfig });
        return { contents: transpiler.transformSync(text), loader: "js" };
      });
    },
  });
}

const usesLegacy = (file: string): boolean =>
  decoratorOptions(dirname(file)).experimentalDecorators === true;

const ofFolders = new Map<string, DecoratorOptions>();

/** The options of the tsconfig.json of the folder, or of the nearest folder above it. */
function decoratorOptions(folder: string): DecoratorOptions {
  let found = ofFolders.get(folder);
  if (found === undefined) {
    const own = readOptions(join(folder, "tsconfig.json"), []);
    const above = dirname(folder);
    found = own ?? (above === folder ? none : decoratorOptions(above));
    ofFolders.set(folder, found);
  }
  return found;
}

/** Includes the files that it extends; null if there is no such file, or it cannot be read. */
function readOptions(file: string, readers: readonly string[]): DecoratorOptions | null {
  if (readers.includes(file)) return null;
  let parsed: unknown;
  try {
    parsed = Bun.JSONC.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
  const { compilerOptions, extends: bases = [] }: { compilerOptions?: unknown; extends?: unknown } =
    Object(parsed);
  const inherited = [bases].flat().map((base) => {
    const path = resolveBase(String(base), dirname(file));
    return path === null ? none : readOptions(path, [...readers, file]);
  });
  const { experimentalDecorators, emitDecoratorMetadata }: Record<string, unknown> = Object(
    compilerOptions ?? {},
  );
  const own = Object.entries({ experimentalDecorators, emitDecoratorMetadata });
  return Object.assign(
    {},
    ...inherited,
    Object.fromEntries(own.filter(([, value]) => typeof value === "boolean")),
  );
}

/** The extended file of a tsconfig.json: a path, with or without extension, or of a package. */
function resolveBase(base: string, folder: string): string | null {
  for (const name of [base, `${base}.json`, `${base}/tsconfig.json`]) {
    try {
      return Bun.resolveSync(name, folder);
    } catch {
      continue; // the next form of the name
    }
  }
  return null;
}
