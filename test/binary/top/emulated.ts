import { Terminal } from "@xterm/headless";

import { until } from "../cli.ts";

/** A program in an emulated terminal: the content of its screen, not the bytes that were sent. */
export interface Emulated extends AsyncDisposable {
  /** The rows of the screen, without the blanks at their ends. */
  rows: () => string[];
  text: () => string;
  /** All bytes that were sent so far. */
  sent: () => string;
  /** Types keys: the bytes that a terminal sends for them. */
  type: (keys: string) => void;
  resize: (columns: number, rows: number) => void;
  /** Waits until the screen contains this text; returns the screen. */
  shows: (what: string | RegExp) => Promise<string>;
  /** Waits until the screen has it no more. */
  hides: (what: string | RegExp) => Promise<void>;
  terminal: Terminal;
  pid: number;
  exited: Promise<number>;
}

export interface EmulatedOptions {
  env: Record<string, string>;
  cwd: string;
  columns?: number;
  rows?: number;
  /** Called with all that the program sends. */
  onSent?: (bytes: Uint8Array) => void;
}

/** Runs a command in a pseudo-terminal of its own, with an emulator at the other end. */
export function emulated(command: readonly string[], options: EmulatedOptions): Emulated {
  const { env, cwd, columns = 100, rows = 30 } = options;
  const terminal = new Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 200 });
  const sent: Uint8Array[] = [];
  const child = Bun.spawn([...command], {
    cwd,
    env: { TERM: "xterm-256color", LANG: "C.UTF-8", ...env },
    terminal: {
      cols: columns,
      rows,
      data: (_terminal, bytes) => {
        const copy = Uint8Array.from(bytes);
        sent.push(copy);
        options.onSent?.(copy);
        terminal.write(copy);
      },
    },
  });
  // Its queries to the terminal are answered, as by a real one.
  terminal.onData((answer) => void child.terminal?.write(answer));
  const rowsNow = () => {
    const { active } = terminal.buffer;
    return Array.from(
      { length: terminal.rows },
      (_, y) => active.getLine(active.baseY + y)?.translateToString(true) ?? "",
    );
  };
  const text = () => rowsNow().join("\n");
  const has = (what: string | RegExp) =>
    typeof what === "string" ? text().includes(what) : what.test(text());
  const settled = async (what: string, look: () => boolean) => {
    try {
      await until(what, () => Promise.resolve(look()));
    } catch (error) {
      throw new Error(`${String(error)}; the screen is:\n${text()}`, { cause: error });
    }
  };
  return {
    ...{ rows: rowsNow, text, terminal, pid: child.pid, exited: child.exited },
    sent: () => Buffer.concat(sent).toString(),
    type: (keys) => void child.terminal?.write(keys),
    resize: (width, height) => {
      terminal.resize(width, height);
      child.terminal?.resize(width, height);
    },
    shows: async (what) => {
      await settled(`the screen to show ${String(what)}`, () => has(what));
      return text();
    },
    hides: async (what) => settled(`the screen to hide ${String(what)}`, () => !has(what)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      child.terminal?.close();
      terminal.dispose();
    },
  };
}

export const keys = {
  enter: "\r",
  escape: "\u001b",
  up: "\u001b[A",
  down: "\u001b[B",
  tab: "\t",
  ctrlC: "\u0003",
  ctrlZ: "\u001a",
} as const;
