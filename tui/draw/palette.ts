/** The meaning of a piece of text. A palette gives it a colour; the text always says it too. */
export type Tone =
  | "plain"
  | "dim"
  | "strong"
  | "title"
  | "good"
  | "busy"
  | "warn"
  | "bad"
  | "key"
  | "alarm"
  | "bar"
  | "chosen";

export type ColorDepth = "none" | "16" | "256";
export type Theme = "default" | "colour-blind";

/** For each tone the numbers of an SGR sequence; empty for the terminal's normal text. */
export type Palette = Readonly<Record<Tone, string>>;

const none: Palette = {
  plain: "",
  dim: "",
  strong: "1",
  title: "1;4",
  good: "",
  busy: "",
  warn: "1",
  bad: "1",
  key: "1",
  alarm: "1;7",
  bar: "7",
  chosen: "7",
};

/** The sixteen colours, as set in the terminal. */
const sixteen: Palette = {
  plain: "",
  dim: "2",
  strong: "1",
  title: "1;36",
  good: "32",
  busy: "36",
  warn: "33",
  bad: "1;31",
  key: "1;36",
  alarm: "1;37;41",
  bar: "30;46",
  chosen: "7",
};

/** Blue, yellow and orange, for people who confuse red and green. */
const blindSixteen: Palette = { ...sixteen, good: "34", bad: "1;35", alarm: "1;37;45" };

const many: Palette = {
  ...sixteen,
  dim: "38;5;245",
  title: "1;38;5;81",
  good: "38;5;78",
  busy: "38;5;81",
  warn: "38;5;214",
  bad: "1;38;5;203",
  key: "1;38;5;81",
  alarm: "1;38;5;231;48;5;160",
  bar: "38;5;231;48;5;24",
  // A background that keeps the colours of the row.
  chosen: "48;5;238",
};

const blindMany: Palette = {
  ...many,
  good: "38;5;33",
  busy: "38;5;117",
  warn: "38;5;220",
  bad: "1;38;5;208",
  alarm: "1;38;5;16;48;5;208",
};

export function paletteOf(depth: ColorDepth, theme: Theme): Palette {
  if (depth === "none") return none;
  if (depth === "16") return theme === "default" ? sixteen : blindSixteen;
  return theme === "default" ? many : blindMany;
}
