import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { escapeControl, toEscapedJson } from "../output/escape-control.ts";

/** A command line that its command cannot parse. The message is the whole text on stderr. */
export class UsageError extends PdoflowError {
  override readonly name = "UsageError";
  readonly exitCode = exitCodes.usage;
}

/** The text on stderr for an error that ends a command, or one line of JSON. */
export function errorLine(error: unknown, path: readonly string[], isJson: boolean): string {
  if (error instanceof PdoflowError) {
    const { name, message, exitCode } = error;
    if (isJson) return jsonLine({ error: { name, message, exitCode } });
    return error instanceof UsageError
      ? `${message}\n`
      : `pdoflow ${path.join(" ")}: ${escapeControl(message)}\n`;
  }
  const text = `pdoflow: this is a bug in pdoflow, please report it.\n${bugText(error)}`;
  return isJson
    ? jsonLine({ error: { name: "Bug", message: text, exitCode: exitCodes.bug } })
    : `${text}\n`;
}

/** With stack and causes, but without the source lines around, because the program is minified. */
function bugText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` (${String(error.code)})` : "";
  const [, ...frames] = (error.stack ?? "").split(/\n(?=\s+at )/);
  const text = [`${error.name}: ${error.message}${code}`, ...frames].join("\n");
  return error.cause === undefined ? text : `${text}\ncaused by ${bugText(error.cause)}`;
}

/** A message on stderr, as JSON. */
export const messageLine = (message: string): string => jsonLine({ message });

const jsonLine = (value: object) => `${toEscapedJson({ version: 1, ...value })}\n`;
