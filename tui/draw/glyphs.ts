import type { Terminal } from "./terminal.ts";

export type StateSign = "running" | "waiting" | "paused" | "stopped" | "cancelled" | "finished";

/** The characters that views draw with, for a terminal that has them or not. */
export interface Glyphs {
  chosen: string;
  marked: string;
  failed: string;
  /** Before the name of a posting: its state at a glance. */
  states: Readonly<Record<StateSign, string>>;
  /** Before the number of a flow. */
  folded: string;
  unfolded: string;
  ascending: string;
  descending: string;
  none: string;
  more: string;
  full: string;
  empty: string;
  /** Eighths of a row, the lowest first. */
  levels: readonly string[];
  rule: string;
  /** The vertical axis of a plot, its foot, and a mark on the horizontal axis. */
  axis: string;
  tick: string;
  corner: string;
  hasBraille: boolean;
}

const rich = {
  chosen: "▸",
  marked: "◆",
  failed: "✗",
  states: {
    running: "●",
    waiting: "○",
    paused: "║",
    stopped: "■",
    cancelled: "×",
    finished: "✓",
  },
  folded: "▹",
  unfolded: "▿",
  ascending: "▲",
  descending: "▼",
  none: "—",
  more: "…",
  full: "█",
  empty: "░",
  levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
  rule: "─",
  axis: "│",
  tick: "┬",
  corner: "└",
};

const ascii = {
  chosen: ">",
  marked: "*",
  failed: "!",
  states: {
    running: "@",
    waiting: ".",
    paused: "=",
    stopped: "#",
    cancelled: "x",
    finished: "+",
  },
  folded: "+",
  unfolded: "-",
  ascending: "^",
  descending: "v",
  none: "-",
  more: "~",
  full: "#",
  empty: ".",
  levels: [".", ".", ":", ":", "-", "=", "+", "#"],
  rule: "-",
  axis: "|",
  tick: "+",
  corner: "+",
};

export const glyphsOf = ({
  isUtf8,
  hasBraille,
}: Pick<Terminal, "isUtf8" | "hasBraille">): Glyphs => ({
  ...(isUtf8 ? rich : ascii),
  hasBraille,
});
