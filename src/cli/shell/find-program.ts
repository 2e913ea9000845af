import { exitCodes, PdoflowError } from "../../domain/errors.ts";

class ProgramMissing extends PdoflowError {
  override readonly name = "ProgramMissing";
  readonly exitCode = exitCodes.notFound;
}

/**
 * The path of a program on the PATH.
 *
 * @throws {ProgramMissing} with the remedy.
 */
export function findProgram(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  remedy: string,
): string {
  const program = Bun.which(name, { PATH: env["PATH"] ?? "" });
  if (program !== null) return program;
  throw new ProgramMissing(`expected ${name} on the PATH, found none. ${remedy}`);
}
