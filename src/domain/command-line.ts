/** What a command is run for: the values of one job, by place or by name. */
export type CommandInput = readonly unknown[] | Readonly<Record<string, unknown>>;

/** The entry point of jobs that are commands; run by the pool of a `pdoflow run` alone. */
export const commandEntryPoint = "pdoflow/shell#command";

const mark = /\{(\/?\.|\/{0,2}|#|[\p{L}\p{N}_][\p{L}\p{N}_-]*)\}/gu;

/**
 * The command of one job: `template` with its values in the place of {}, {.} and so on, as GNU
 * parallel has them. Where there is no such place they are appended. A template of one word is a
 * line for a shell, in which each value is quoted; several words are run as they are, without one.
 * `number` counts from 1.
 */
export function commandOf(
  template: readonly string[],
  input: CommandInput,
  number: number,
): string[] {
  const isLine = template.length === 1;
  const values = Array.isArray(input) ? input.map(textOf) : Object.values(input).map(textOf);
  const quote = isLine ? shellQuoted : (text: string) => text;
  const whole = values.map(quote).join(" ");
  let isUsed = false;
  const words = template.map((word) =>
    word.replace(mark, (found: string, name: string) => {
      const value = valueOf(name, input, values, number);
      if (value === undefined) return found;
      isUsed = true;
      return name === "" ? whole : quote(value);
    }),
  );
  if (isUsed || values.length === 0) return words;
  return isLine ? [`${words[0] ?? ""} ${whole}`] : [...words, ...values];
}

/** What stands for the name between the braces; undefined where nothing does. */
function valueOf(
  name: string,
  input: CommandInput,
  values: readonly string[],
  number: number,
): string | undefined {
  const first = values[0] ?? "";
  const file = first.slice(first.lastIndexOf("/") + 1);
  switch (name) {
    case "":
      return first;
    case "#":
      return String(number);
    case "/":
      return file;
    case ".":
      return first.slice(0, first.length - file.length) + withoutExtension(file);
    case "/.":
      return withoutExtension(file);
    case "//":
      return first.includes("/") ? first.slice(0, first.lastIndexOf("/")) || "/" : ".";
    default:
      if (/^[1-9]\d*$/.test(name)) return values[Number(name) - 1];
      if (Array.isArray(input) || !Object.hasOwn(input, name)) return undefined;
      return textOf(new Map(Object.entries(input)).get(name));
  }
}

const withoutExtension = (file: string): string => file.replace(/(?<=.)\.[^.]*$/, "");

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

/** One word for a shell, whatever is in it. */
export const shellQuoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
