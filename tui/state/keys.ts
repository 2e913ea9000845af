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
  | "numbers"
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

export interface Binding {
  /** As the terminal names them. */
  keys: readonly string[];
  command: Command;
  help: string;
  group: "Moving" | "Looking" | "Acting" | "Leaving";
  /** For the last line of the screen, where there is room. */
  hint?: string;
  /** Does nothing where nothing may be changed. */
  isChange?: true;
}

/** All keys that there are: what is bound, and what the help says. */
export const bindings: readonly Binding[] = [
  { keys: ["up", "k"], command: "up", help: "one row up", group: "Moving" },
  { keys: ["down", "j"], command: "down", help: "one row down", group: "Moving" },
  { keys: ["pageup", "C-b"], command: "pageUp", help: "a page up", group: "Moving" },
  { keys: ["pagedown", "C-f"], command: "pageDown", help: "a page down", group: "Moving" },
  { keys: ["home", "g"], command: "first", help: "to the first row", group: "Moving" },
  { keys: ["end", "G"], command: "last", help: "to the last row", group: "Moving" },
  {
    keys: ["enter", "right", "l"],
    command: "open",
    help: "into it: posting, its jobs, one job",
    group: "Moving",
    hint: "open",
  },
  { keys: ["escape", "left", "h", "backspace"], command: "back", help: "back", group: "Moving" },
  { keys: ["tab"], command: "nextPane", help: "the next list", group: "Moving" },
  { keys: ["S-tab"], command: "previousPane", help: "the list before", group: "Moving" },
  { keys: ["1"], command: "postings", help: "postings", group: "Moving" },
  { keys: ["2"], command: "pools", help: "pools", group: "Moving" },
  {
    keys: ["3"],
    command: "failures",
    help: "failures by what they have in common",
    group: "Moving",
  },
  { keys: ["4"], command: "numbers", help: "throughput, latency, sizes", group: "Moving" },
  {
    keys: ["/"],
    command: "filter",
    help: "show only what has a text: m31 state:failed poster:ann 42 last @name",
    group: "Looking",
    hint: "filter",
  },
  { keys: ["s"], command: "sort", help: "sort by the next column", group: "Looking", hint: "sort" },
  { keys: ["o"], command: "reverse", help: "the other way round", group: "Looking" },
  {
    keys: ["F"],
    command: "onlyFailed",
    help: "of jobs: only failed ones, or all",
    group: "Looking",
  },
  { keys: ["e"], command: "follow", help: "follow the end of a job's output", group: "Looking" },
  { keys: ["f"], command: "freeze", help: "freeze, and go on", group: "Looking" },
  { keys: ["R", "f5"], command: "refresh", help: "refresh now", group: "Looking" },
  { keys: ["+", "="], command: "faster", help: "refresh more often", group: "Looking" },
  { keys: ["-"], command: "slower", help: "refresh less often", group: "Looking" },
  { keys: ["y"], command: "copy", help: "copy the number, or the error", group: "Looking" },
  { keys: ["S"], command: "save", help: "save the screen to a file", group: "Looking" },
  { keys: ["space"], command: "mark", help: "mark, to act on several", group: "Acting" },
  { keys: ["*"], command: "markAll", help: "mark all that the filter shows", group: "Acting" },
  { keys: ["U"], command: "unmark", help: "unmark all", group: "Acting" },
  { keys: ["p"], command: "pause", help: "pause", group: "Acting", hint: "pause", isChange: true },
  { keys: ["u"], command: "resume", help: "resume", group: "Acting", isChange: true },
  {
    keys: ["r"],
    command: "retry",
    help: "retry what has failed",
    group: "Acting",
    hint: "retry",
    isChange: true,
  },
  {
    keys: ["c"],
    command: "cancel",
    help: "cancel for good",
    group: "Acting",
    hint: "cancel",
    isChange: true,
  },
  { keys: [">"], command: "raise", help: "priority up by 1", group: "Acting", isChange: true },
  { keys: ["<"], command: "lower", help: "priority down by 1", group: "Acting", isChange: true },
  { keys: ["d"], command: "drain", help: "drain a pool", group: "Acting", isChange: true },
  { keys: ["?", "f1"], command: "help", help: "this help", group: "Leaving", hint: "help" },
  { keys: ["C-l"], command: "redraw", help: "draw the screen anew", group: "Leaving" },
  { keys: ["C-z"], command: "suspend", help: "to the shell; fg comes back", group: "Leaving" },
  { keys: ["q"], command: "quit", help: "quit", group: "Leaving", hint: "quit" },
  { keys: ["C-c"], command: "interrupt", help: "quit, with exit code 130", group: "Leaving" },
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

/** As a person calls it: `Ctrl-C`, `PgUp`. */
export const keyName = (key: string): string =>
  names[key] ??
  (key.startsWith("C-") ? `Ctrl-${key.slice(2).toUpperCase()}` : key.replace(/^f(\d)/, "F$1"));
