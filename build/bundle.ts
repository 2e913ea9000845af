import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Bundles the modules in `folder` that the entry points need into few files in `outdir`: Node takes
 * longer to find and link 200 small modules than to run a first post. Entry points share the files
 * with common code, so each class exists once. Returns the paths of the bundled files.
 */
export async function bundle(
  folder: string,
  entryPoints: readonly string[],
  outdir: string,
): Promise<string[]> {
  // Bun writes paths from the current folder into comments, and hashes them into names: from here,
  // they do not depend on the name of this build's draft.
  const before = process.cwd();
  process.chdir(folder);
  try {
    const { metafile } = await Bun.build({
      metafile: true,
      entrypoints: entryPoints.map((name) => join(folder, `${name}.js`)),
      root: folder,
      outdir,
      target: "node",
      format: "esm",
      splitting: true,
      naming: { chunk: "chunks/[name]-[hash].[ext]" },
      plugins: [lateBuiltins],
    });
    return Object.keys(metafile?.inputs ?? {});
  } finally {
    process.chdir(before);
  }
}

/** Modules of Node that take milliseconds to load, and that a first post often does not need. */
const late = /^(node:)?(crypto|tls|child_process)$/;

/**
 * Loads these modules of Node when one of their functions is called. An import of node:crypto loads
 * Web Crypto too, and takes as long as all code of a first post.
 */
const lateBuiltins: Bun.BunPlugin = {
  name: "late-builtins",
  setup(build) {
    build.onResolve({ filter: late }, ({ path }) => ({
      path: path.replace(/^node:/, ""),
      namespace: "late",
    }));
    build.onLoad({ filter: /./, namespace: "late" }, async ({ path }) => {
      const functions = Object.entries(await import(`node:${path}`))
        .filter(([name, value]) => typeof value === "function" && /^[a-z]\w*$/.test(name))
        .map(([name]) => name);
      return { loader: "js", contents: lateModule(path, functions) };
    });
  },
};

function lateModule(name: string, functions: readonly string[]): string {
  const load = `const load = () => process.getBuiltinModule("node:${name}");`;
  const exported = functions.map(
    (called) => `export const ${called} = (...args) => load().${called}(...args);`,
  );
  return [load, ...exported, `export default { ${functions.join(", ")} };`].join("\n");
}

/** The declarations that those of the entry points in `folder` import, and they themselves. */
export function declarations(folder: string, entryPoints: readonly string[]): string[] {
  const found = new Set(entryPoints.map((name) => `${name}.d.ts`));
  for (const file of found) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, path = ""] of text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)) {
      found.add(join(dirname(file), path.replace(/(\.d)?\.[jt]s$/, ".d.ts")));
    }
  }
  return [...found];
}
