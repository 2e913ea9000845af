import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { visible, visibleJson } from "./visible.ts";

/** What goes to stderr of an error that ends a command: text, or one line of JSON. */
export function errorLine(error: unknown, path: readonly string[], isJson: boolean): string {
  if (error instanceof PdoflowError) {
    const { name, message, exitCode } = error;
    return isJson
      ? jsonLine({ error: { name, message, exitCode } })
      : `pdoflow ${path.join(" ")}: ${visible(message)}\n`;
  }
  const text = `pdoflow: this is a fault of pdoflow, please report it.\n${Bun.inspect(error)}`;
  return isJson
    ? jsonLine({ error: { name: "Bug", message: text, exitCode: exitCodes.bug } })
    : `${text}\n`;
}

/** A command line that can't be read. */
export const usageLine = (message: string): string =>
  jsonLine({ error: { name: "UsageError", message, exitCode: exitCodes.usage } });

/** A message on stderr, where a command prints JSON. */
export const messageLine = (message: string): string => jsonLine({ message });

const jsonLine = (value: object) => `${visibleJson({ version: 1, ...value })}\n`;
