// The reference of the library, by TypeDoc, from the declarations in the package: editors show the
// same docstrings. TypeDoc runs on an older TypeScript, in a separate folder. `npm run docs:api`
// makes dist/api/index.html.
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { buildPackage } from "../../build/package.ts";
import { inTurn } from "./install.ts";
import { node, packageFile } from "./project.ts";

const root = join(import.meta.dir, "../..");

/** Makes the pages anew in `out`; gives what TypeDoc complains about. */
export async function makeReference(out: string): Promise<string> {
  await inTurn(() => buildPackage({ ifChanged: true }));
  const types = join(root, "dist/npm/lib");
  const files = ["index", "testing"].map((name) => join(types, `${name}.d.ts`));
  const lib = ["es2022", "esnext.disposable", "dom"];
  const compilerOptions = { module: "nodenext", target: "es2022", lib, types: [], noEmit: true };
  const config = join(root, "dist/npm/tsconfig.json");
  await Bun.write(config, JSON.stringify({ compilerOptions, files }));
  const command = [
    ...[await node("newest"), await packageFile("typedoc/bin/typedoc"), "--tsconfig", config],
    ...files.flatMap((file) => ["--entryPoints", file]),
    ...["--out", out, "--name", "PDOFlow", "--readme", "none", "--disableSources"],
    ...["--validation.notDocumented", "true", "--validation.notExported", "false"],
    ...["--requiredToBeDocumented", "Class", "--requiredToBeDocumented", "Function"],
    ...["--requiredToBeDocumented", "Interface", "--requiredToBeDocumented", "Method"],
  ];
  const child = Bun.spawn(command, { cwd: root, stdout: "pipe", stderr: "pipe" });
  const said = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await rm(config);
  if ((await child.exited) === 0) return said.join("");
  throw new Error(`TypeDoc should have made ${out}, and said:\n${said.join("")}`);
}

if (import.meta.main) {
  const said = await makeReference(join(root, "dist/api"));
  process.stderr.write(said);
}
