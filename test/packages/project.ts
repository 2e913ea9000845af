import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { buildPackage } from "../../build/package.ts";
import { installPackages, inTurn } from "./install.ts";

let made: Promise<string> | undefined;

/** The tarball that `npm run build:lib` makes, built first if a source is newer. */
export const tarball = (): Promise<string> =>
  (made ??= inTurn(() => buildPackage({ ifChanged: true })));

let installed: Promise<string> | undefined;

/** The path of a file in test/packages/node_modules. */
export async function packageFile(path: string): Promise<string> {
  installed ??= installPackages();
  return join(await installed, path);
}

/** Node 20, and the newest known one: from npm, if it has them for this machine. */
export async function node(which: "20" | "newest"): Promise<string> {
  const path = await packageFile(`node-${which === "20" ? "20" : "linux-x64"}/bin/node`);
  return existsSync(path) ? path : "node";
}

/** A folder of a user, with installed packages. */
export interface Project extends AsyncDisposable {
  folder: string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Runs a command that must succeed; returns its stdout. */
  run(command: readonly string[], env?: Readonly<Record<string, string>>): Promise<string>;
}

export async function emptyProject(installer: "npm" | "bun" = "npm"): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), "pdoflow-project-"));
  const project: Project = {
    folder,
    async write(files) {
      for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
    },
    async run(command, env = {}) {
      const { PATH = "" } = process.env;
      const child = Bun.spawn([...command], {
        cwd: folder,
        env: { PATH, HOME: folder, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      if ((await child.exited) === 0) return out;
      const said = (out + err).slice(-4_000);
      throw new Error(`${command.join(" ")} should have succeeded, and said:\n${said}`);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
  await project.write({ "package.json": JSON.stringify({ name: "mine", private: true }) });
  const install =
    installer === "npm"
      ? ["npm", "install", "--no-audit", "--no-fund", "--prefer-offline"]
      : [process.execPath, "add"];
  const { HOME = "" } = process.env; // the cache of earlier downloads
  await project.run([...install, await tarball()], { HOME });
  return project;
}
