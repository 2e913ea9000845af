import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

import * as v from "valibot";

import type { Environment } from "../../db/settings/parameters.ts";
import { isEmbedded, type Target } from "../../db/settings/target.ts";
import { isFileModule, parseEntryPoint } from "../../domain/entry-point.ts";
import { InvalidInput } from "../../domain/errors.ts";
import { postingOptions } from "../../domain/posting-options.ts";

/** The sources of the name of a project. */
export interface ProjectSource {
  /** The value of the option: a name, or `*` for any project. */
  option: string | undefined;
  env: Environment;
  root: string;
  target: Target;
}

const { wrapped: Name } = postingOptions.project.schema;

/**
 * The project whose postings a pool runs, besides those of no project; null for any. It is named by
 * the option, else by `PDOFLOW_PROJECT`, else by its root.
 *
 * All projects of a user share the embedded server, on one machine: there the path of the root
 * distinguishes them, even two copies of one project. On any other server, each machine has its own
 * paths, so only the name in the root's package.json counts.
 *
 * @throws {InvalidInput} the option or the variable is not a name.
 */
export function projectOfPool({ option, env, root, target }: ProjectSource): string | null {
  const [name, source] =
    option === undefined
      ? [env["PDOFLOW_PROJECT"] || undefined, "PDOFLOW_PROJECT"]
      : [option, "--project"];
  if (name !== undefined) return named(name, source);
  return isEmbedded(target) ? pathOf(root) : packageNameOf(root);
}

/**
 * The project of a posting; null if any pool may run it. Without a name it is the project of the
 * root if the root has the file of the entry point, and none otherwise, because a program may post
 * for code that only the machines of the pools have.
 *
 * @throws {InvalidInput} the option or the variable is not a name.
 */
export function projectOfPosting(source: ProjectSource, entryPoint: string): string | null {
  const isNamed = (source.option ?? source.env["PDOFLOW_PROJECT"]) !== undefined;
  const { module } = parseEntryPoint(entryPoint);
  const isHere = !isFileModule(module) || existsSync(join(source.root, module));
  return isNamed || isHere ? projectOfPool(source) : null;
}

function named(name: string, source: string): string | null {
  if (name === "*") return null;
  if (v.is(Name, name)) return name;
  throw new InvalidInput(source, [
    'expected the name of a project, 1 to 1000 bytes, or "*" for any project, ' +
      `found ${JSON.stringify(name)}`,
  ]);
}

function pathOf(root: string): string | null {
  try {
    return fitting(realpathSync(root));
  } catch {
    return null; // there is no such folder: code that runs there reports it
  }
}

const Package = v.object({ name: v.pipe(v.string(), v.minLength(1)) });

/** The package.json that was read last: a program posts many times for one project. */
let lastRead: { path: string; stamp: string; name: string | null } | null = null;

function packageNameOf(root: string): string | null {
  try {
    const path = join(root, "package.json");
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    const stamp = `${ino} ${size} ${mtimeNs}`;
    if (lastRead?.path !== path || lastRead.stamp !== stamp) {
      const parsed = v.safeParse(Package, JSON.parse(readFileSync(path, "utf8")));
      lastRead = { path, stamp, name: parsed.success ? fitting(parsed.output.name) : null };
    }
    return lastRead.name;
  } catch {
    return null; // there is none, or it is broken: other code reports that
  }
}

const fitting = (name: string): string | null => (v.is(Name, name) && name !== "*" ? name : null);
