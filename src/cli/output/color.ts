import * as v from "valibot";

/** When to use colours: on terminals that support them, always, or never. */
export const ColorChoice = v.optional(
  v.picklist(["auto", "always", "never"], "expected auto, always or never"),
  "auto",
);

/** Whether to use colours on a stream. A flag overrides NO_COLOR and TERM=dumb. */
export function usesColor(
  choice: "auto" | "always" | "never",
  isTerminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (choice !== "auto") return choice === "always";
  return isTerminal && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Color = keyof typeof codes;
/** The codes that paint uses, as part of a regular expression. */
export const paintCodes = [0, ...Object.values(codes)].join("|");

/** Colours text, if the stream takes colours. */
export type Paint = (color: Color, text: string) => string;

export const painter = (isOn: boolean): Paint =>
  isOn
    ? (color, text) => (text === "" ? text : `\u001b[${codes[color]}m${text}\u001b[0m`)
    : (_color, text) => text;
