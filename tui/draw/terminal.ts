import type { ColorDepth } from "./palette.ts";

/** What a terminal can do, by what the environment says of it. */
export interface Terminal {
  colors: ColorDepth;
  /** Whether it shows more than ASCII. */
  isUtf8: boolean;
  /** Whether its font has the patterns of Braille, with which curves are drawn. */
  hasBraille: boolean;
  /** Whether it knows a second screen, a mouse and a title: all that came after the VT100. */
  isModern: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Null where the cursor can't be moved: nothing can be drawn there. */
export function terminalOf(
  env: Env,
  wish: { color: "auto" | "always" | "never"; isAscii: boolean },
): Terminal | null {
  const term = env["TERM"] ?? "";
  if (/^(|dumb|unknown|emacs|network)$/.test(term)) return null;
  const isOld = /^vt\d+|^ansi/.test(term);
  const isConsole = /^(linux|cons25)/.test(term);
  const isUtf8 = !wish.isAscii && !isOld && isUtf8Locale(env);
  return {
    colors: colorsOf(env, wish.color, term, isOld),
    isUtf8,
    hasBraille: isUtf8 && !isConsole,
    isModern: !isOld,
  };
}

/** As the C library decides: the first of the three that is set. */
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
