import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { visible, visibleJson } from "../output/escape-control.ts";

/** What goes to stderr of an error that ends a command: text, or one line of JSON. */
export function errorLine(error: unknown, path: readonly string[], isJson: boolean): string {
  if (error instanceof PdoflowError) {
    const { name, message, exitCode } = error;
    return isJson
      ? jsonLine({ error: { name, message, exitCode } })
      : `pdoflow ${path.join(" ")}: ${visible(message)}\n`;
  }
  const text = `pdoflow: this is a fault of pdoflow, please report it.\n${faultText(error)}`;
  return isJson
    ? jsonLine({ error: { name: "Bug", message: text, exitCode: exitCodes.bug } })
    : `${text}\n`;
}

/** With its place and its causes, but not the lines around it: the program's text is minified. */
function faultText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` (${String(error.code)})` : "";
  const [, ...frames] = (error.stack ?? "").split(/\n(?=\s+at )/);
  const text = [`${error.name}: ${error.message}${code}`, ...frames].join("\n");
  return error.cause === undefined ? text : `${text}\ncaused by ${faultText(error.cause)}`;
}

/** A command line that can't be read. */
export const usageLine = (message: string): string =>
  jsonLine({ error: { name: "UsageError", message, exitCode: exitCodes.usage } });

/** A message on stderr, where a command prints JSON. */
export const messageLine = (message: string): string => jsonLine({ message });

const jsonLine = (value: object) => `${visibleJson({ version: 1, ...value })}\n`;
