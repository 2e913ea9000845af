export type Command =
  | "up"
  | "down"
  | "first"
  | "last"
  | "pageUp"
  | "pageDown"
  | "open"
  | "back"
  | "nextPane"
  | "previousPane"
  | "postings"
  | "pools"
  | "failures"
  | "metrics"
  | "filter"
  | "sort"
  | "reverse"
  | "mark"
  | "markAll"
  | "unmark"
  | "freeze"
  | "refresh"
  | "faster"
  | "slower"
  | "copy"
  | "save"
  | "pause"
  | "resume"
  | "cancel"
  | "retry"
  | "raise"
  | "lower"
  | "drain"
  | "onlyFailed"
  | "follow"
  | "help"
  | "redraw"
  | "suspend"
  | "quit"
  | "interrupt";

/** A key and what it does. Without a `hint` the last line of the screen never shows it. */
export interface Binding {
  /** The names that the terminal gives the keys. */
  keys: readonly string[];
  command: Command;
  help: string;
  group: (typeof keyGroups)[number];
  /** One or two words for the last line of the screen. */
  hint?: string;
  /** Changes the queue: refused in read-only mode. */
  isChange?: true;
}

export const keyGroups = ["Moving", "Viewing", "Acting", "Leaving"] as const;

/** All keys. The help is made from this table. */
export const bindings: readonly Binding[] = [
  { keys: ["up", "k"], command: "up", help: "one row up", group: "Moving" },
  { keys: ["down", "j"], command: "down", help: "one row down", group: "Moving", hint: "scroll" },
  { keys: ["pageup", "C-b"], command: "pageUp", help: "one page up", group: "Moving" },
  { keys: ["pagedown", "C-f"], command: "pageDown", help: "one page down", group: "Moving" },
  { keys: ["home", "g"], command: "first", help: "to the first row", group: "Moving" },
  { keys: ["end", "G"], command: "last", help: "to the last row", group: "Moving" },
  {
    keys: ["enter", "right", "l"],
    command: "open",
    help: "open a posting, a job, a pool or a group of failures",
    group: "Moving",
    hint: "open",
  },
  {
    keys: ["escape", "left", "h", "backspace"],
    command: "back",
    help: "back; in a list: remove the filter, then the marks",
    group: "Moving",
    hint: "back",
  },
  { keys: ["tab"], command: "nextPane", help: "next list", group: "Moving" },
  { keys: ["S-tab"], command: "previousPane", help: "previous list", group: "Moving" },
  { keys: ["1"], command: "postings", help: "postings", group: "Moving" },
  { keys: ["2"], command: "pools", help: "pools", group: "Moving" },
  { keys: ["3"], command: "failures", help: "failures, similar ones grouped", group: "Moving" },
  {
    keys: ["4"],
    command: "metrics",
    help: "metrics: throughput, latency, table sizes",
    group: "Moving",
  },
  {
    keys: ["/"],
    command: "filter",
    help: "filter a list: m31 state:failed poster:ann 42 last @name",
    group: "Viewing",
    hint: "filter",
  },
  { keys: ["s"], command: "sort", help: "sort by the next column", group: "Viewing", hint: "sort" },
  { keys: ["o"], command: "reverse", help: "reverse the order", group: "Viewing" },
  {
    keys: ["F"],
    command: "onlyFailed",
    help: "in a posting: show failed jobs only, or all",
    group: "Viewing",
    hint: "failed only",
  },
  {
    keys: ["e"],
    command: "follow",
    help: "in a job: follow the end of its output",
    group: "Viewing",
    hint: "follow",
  },
  { keys: ["f"], command: "freeze", help: "freeze the screen, or go on", group: "Viewing" },
  {
    keys: ["R", "f5"],
    command: "refresh",
    help: "refresh now",
    group: "Viewing",
    hint: "refresh",
  },
  { keys: ["+", "="], command: "faster", help: "refresh more often", group: "Viewing" },
  { keys: ["-"], command: "slower", help: "refresh less often", group: "Viewing" },
  {
    keys: ["y"],
    command: "copy",
    help: "copy the number, or the error of a failed job",
    group: "Viewing",
    hint: "copy",
  },
  { keys: ["S"], command: "save", help: "save the screen to a file", group: "Viewing" },
  {
    keys: ["space"],
    command: "mark",
    help: "mark a row, to act on several",
    group: "Acting",
    hint: "mark",
  },
  { keys: ["*"], command: "markAll", help: "mark all rows that match the filter", group: "Acting" },
  { keys: ["U"], command: "unmark", help: "remove all marks", group: "Acting" },
  {
    keys: ["p"],
    command: "pause",
    help: "pause postings",
    group: "Acting",
    hint: "pause",
    isChange: true,
  },
  {
    keys: ["u"],
    command: "resume",
    help: "resume paused or stopped postings",
    group: "Acting",
    hint: "resume",
    isChange: true,
  },
  {
    keys: ["r"],
    command: "retry",
    help: "retry failed jobs",
    group: "Acting",
    hint: "retry",
    isChange: true,
  },
  {
    keys: ["c"],
    command: "cancel",
    help: "cancel postings for good",
    group: "Acting",
    hint: "cancel",
    isChange: true,
  },
  {
    keys: [">"],
    command: "raise",
    help: "raise the priority by 1",
    group: "Acting",
    isChange: true,
  },
  {
    keys: ["<"],
    command: "lower",
    help: "lower the priority by 1",
    group: "Acting",
    isChange: true,
  },
  {
    keys: ["d"],
    command: "drain",
    help: "drain pools: they finish their jobs and stop",
    group: "Acting",
    hint: "drain",
    isChange: true,
  },
  { keys: ["?", "f1"], command: "help", help: "this help", group: "Leaving", hint: "help" },
  { keys: ["C-l"], command: "redraw", help: "redraw the screen", group: "Leaving" },
  { keys: ["C-z"], command: "suspend", help: "suspend; fg resumes", group: "Leaving" },
  { keys: ["q"], command: "quit", help: "quit", group: "Leaving", hint: "quit" },
  { keys: ["C-c"], command: "interrupt", help: "quit with exit code 130", group: "Leaving" },
];

const byKey = new Map(bindings.flatMap((each) => each.keys.map((key) => [key, each] as const)));

export const bindingOf = (key: string): Binding | undefined => byKey.get(key);

const names: Readonly<Record<string, string>> = {
  up: "Up",
  down: "Down",
  left: "Left",
  right: "Right",
  pageup: "PgUp",
  pagedown: "PgDn",
  home: "Home",
  end: "End",
  enter: "Enter",
  escape: "Esc",
  backspace: "Backspace",
  tab: "Tab",
  "S-tab": "Shift-Tab",
  space: "Space",
};

/** The name people use: `Ctrl-C`, `PgUp`. */
export const keyName = (key: string): string =>
  names[key] ??
  (key.startsWith("C-") ? `Ctrl-${key.slice(2).toUpperCase()}` : key.replace(/^f(\d)/, "F$1"));
