import type { ColorDepth } from "./palette.ts";

/** The abilities of a terminal, according to the environment. */
export interface Terminal {
  colors: ColorDepth;
  /** Whether it shows more than ASCII. */
  isUtf8: boolean;
  /** Whether its font has Braille patterns, which curves are drawn with. */
  hasBraille: boolean;
  /** Whether it is newer than a VT100: it has a second screen, a mouse and a title. */
  isModern: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Null if the terminal cannot move its cursor, so that nothing can be drawn. */
export function terminalOf(
  env: Env,
  choice: { color: "auto" | "always" | "never"; isAscii: boolean },
): Terminal | null {
  const term = env["TERM"] ?? "";
  if (/^(|dumb|unknown|emacs|network)$/.test(term)) return null;
  const isOld = /^vt\d+|^ansi/.test(term);
  const isConsole = /^(linux|cons25)/.test(term);
  const isUtf8 = !choice.isAscii && !isOld && isUtf8Locale(env);
  return {
    colors: colorsOf(env, choice.color, term, isOld),
    isUtf8,
    hasBraille: isUtf8 && !isConsole,
    isModern: !isOld,
  };
}

/** Like the C library: the first of the three that is set counts. */
const isUtf8Locale = (env: Env) =>
  /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "");

function colorsOf(
  env: Env,
  choice: "auto" | "always" | "never",
  term: string,
  isOld: boolean,
): ColorDepth {
  if (choice === "never") return "none";
  if (choice === "auto" && (env["NO_COLOR"] || isOld)) return "none";
  const isRich = /256|direct|alacritty|ghostty|kitty|wezterm|foot/.test(term);
  return isRich || /^(truecolor|24bit)$/.test(env["COLORTERM"] ?? "") ? "256" : "16";
}
