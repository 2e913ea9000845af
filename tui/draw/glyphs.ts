import type { Terminal } from "./terminal.ts";

/** The characters that views draw with, for a terminal that has them or not. */
export interface Glyphs {
  chosen: string;
  marked: string;
  failed: string;
  none: string;
  more: string;
  full: string;
  empty: string;
  /** Eighths of a column, the lowest first. */
  levels: readonly string[];
  rule: string;
  hasBraille: boolean;
}

const rich = {
  chosen: "▸",
  marked: "●",
  failed: "✗",
  none: "—",
  more: "…",
  full: "█",
  empty: "░",
  levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
  rule: "─",
};

const ascii = {
  chosen: ">",
  marked: "*",
  failed: "!",
  none: "-",
  more: "~",
  full: "#",
  empty: ".",
  levels: [".", ".", ":", ":", "-", "=", "+", "#"],
  rule: "-",
};

export const glyphsOf = ({
  isUtf8,
  hasBraille,
}: Pick<Terminal, "isUtf8" | "hasBraille">): Glyphs => ({
  ...(isUtf8 ? rich : ascii),
  hasBraille,
});
