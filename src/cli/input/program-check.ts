import { existsSync } from "node:fs";
import { resolve } from "node:path";

import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { requireRoot } from "../../pool/entry/require-root.ts";

/** The first word of a command is no program of this machine. */
export class ProgramNotFound extends PdoflowError {
  override readonly name = "ProgramNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(word: string, module: string | undefined) {
    super(
      `there is no program "${word}" on this machine. ` +
        (module === undefined
          ? "A function is named as in fit.ts#fit."
          : `To name a function of ${module}: ${module}#NAME.`) +
        " Nothing was posted. (--no-check posts without this check.)",
    );
  }
}

/**
 * Checks that a command of several words begins with a program: it may be a mistyped entry point,
 * whose options would become words of the command. A single word is a line for a shell, and is
 * refused only if a file of that name with the extension of a module exists.
 *
 * @throws {RootNotFound}
 * @throws {ProgramNotFound}
 */
export function checkProgram(command: readonly string[], root: string, path: string): void {
  requireRoot(root);
  const [word = "", ...others] = command;
  if (!/^[\w.@+/-]+$/.test(word)) return; // has a mark, or is for a shell
  const isFound = word.includes("/")
    ? existsSync(resolve(root, word))
    : Bun.which(word, { PATH: path }) !== null;
  if (isFound) return;
  const module = [".ts", ".tsx", ".mts", ".js", ".mjs"]
    .map((extension) => word + extension)
    .find((name) => existsSync(resolve(root, name)));
  if (others.length > 0 || module !== undefined) throw new ProgramNotFound(word, module);
}
