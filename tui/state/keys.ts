export const keyGroups = ["Moving", "Viewing", "Acting", "Leaving"] as const;

/** Changes the queue: refused in read-only mode. */
const changes = ["pause", "resume", "retry", "cancel", "raise", "lower", "drain"] as const;
export type ChangeCommand = (typeof changes)[number];

/**
 * All keys: the names that the terminal gives them, the command, its help and, for the last line of
 * the screen, one or two words. The help is made from this table.
 */
const table = {
  Moving: [
    ["up k", "up", "one row up"],
    ["down j", "down", "one row down", "scroll"],
    ["pageup C-b", "pageUp", "one page up"],
    ["pagedown C-f", "pageDown", "one page down"],
    ["home g", "first", "to the first row"],
    ["end G", "last", "to the last row"],
    [
      "enter right l",
      "open",
      "open a flow, a posting, a job, a pool or a group of failures",
      "open",
    ],
    [
      "escape left h backspace",
      "back",
      "back; in a list: fold a flow, remove the filter, then the marks",
      "back",
    ],
    ["tab", "nextPane", "next list"],
    ["S-tab", "previousPane", "previous list"],
    ["1", "postings", "postings"],
    ["2", "pools", "pools"],
    ["3", "failures", "failures, similar ones grouped"],
    ["4", "metrics", "metrics: throughput, latency, table sizes"],
    ["5", "schedules", "schedules: their next, last and missed times"],
  ],
  Viewing: [
    [
      "/",
      "filter",
      "filter a list: m31 state:failed flow:night host:node17 42 last @name",
      "filter",
    ],
    ["s", "sort", "sort by the next column", "sort"],
    ["o", "reverse", "reverse the order"],
    ["F", "onlyFailed", "in a posting: show failed jobs only, or all", "failed only"],
    ["e", "follow", "in a job: follow the end of its output", "follow"],
    ["f", "freeze", "freeze the screen, or continue"],
    ["R f5", "refresh", "refresh now", "refresh"],
    ["+ =", "faster", "refresh more often"],
    ["-", "slower", "refresh less often"],
    ["y", "copy", "copy the number, or the error of a failed job", "copy"],
    ["S", "save", "save the screen to a file"],
  ],
  Acting: [
    ["space", "mark", "mark a row, to act on several", "mark"],
    ["*", "markAll", "mark all rows that match the filter"],
    ["U", "unmark", "remove all marks"],
    ["p", "pause", "pause postings", "pause"],
    ["u", "resume", "resume paused or stopped postings", "resume"],
    ["r", "retry", "retry failed jobs", "retry"],
    ["c", "cancel", "cancel postings for good", "cancel"],
    [">", "raise", "raise the priority by 1"],
    ["<", "lower", "lower the priority by 1"],
    ["d", "drain", "drain pools: they finish their jobs and stop", "drain"],
  ],
  Leaving: [
    ["? f1", "help", "this help", "help"],
    ["C-l", "redraw", "redraw the screen"],
    ["C-z", "suspend", "suspend; fg resumes"],
    ["q", "quit", "quit", "quit"],
    ["C-c", "interrupt", "quit with exit code 130"],
  ],
} as const satisfies Record<(typeof keyGroups)[number], readonly BindingRow[]>;

type BindingRow = readonly [keys: string, command: string, help: string, hint?: string];

export type Command = (typeof table)[keyof typeof table][number][1];

/** A key and its action. Without a `hint` the last line of the screen never shows it. */
export interface Binding {
  /** The names that the terminal gives the keys. */
  keys: readonly string[];
  command: Command;
  help: string;
  group: (typeof keyGroups)[number];
  hint: string | undefined;
  isChange: boolean;
}

export const bindings: readonly Binding[] = keyGroups.flatMap((group) =>
  table[group].map(([keys, command, help, hint]) => ({
    keys: keys.split(" "),
    command,
    help,
    group,
    hint,
    isChange: changes.some((change) => change === command),
  })),
);

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
