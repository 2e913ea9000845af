import { glyphsOf } from "../../../tui/draw/glyphs.ts";
import { type TextStyle, textOf, withSnapshot } from "../../../tui/once.ts";
import { terminalOf } from "../../../tui/draw/terminal.ts";
import { exitCodes, type ExitCode } from "../../domain/errors.ts";
import type { Snapshot } from "../../db/dashboard/top-snapshot.ts";

const everyMs = 2_000;
/** Moves to the upper left corner and clears the screen. */
const clear = "\u001b[H\u001b[2J";

/** The width of the text, and its characters. */
export function textStyle(
  context: {
    env: Readonly<Record<string, string | undefined>>;
    columns: number | null;
    isTerminal: { stdout: boolean };
  },
  isAscii: boolean,
): TextStyle {
  const { env, columns, isTerminal } = context;
  // Pipes get UTF-8, terminals what their locale supports.
  const known = terminalOf({ ...env, TERM: "xterm" }, { color: "never", isAscii });
  const isUtf8 = !isAscii && (known?.isUtf8 === true || !isTerminal.stdout);
  const glyphs = glyphsOf({ isUtf8, hasBraille: isUtf8 });
  return { columns: Math.max(30, Number(env["COLUMNS"]) || columns || 120), glyphs, isUtf8 };
}

/** Writes a snapshot every two seconds until a signal, or once. */
export async function watchStatus(
  read: () => Promise<Snapshot>,
  options: {
    style: TextStyle;
    isOnce: boolean;
    write: (text: string) => void;
    onStopSignal: (listener: (signal: string) => void) => () => void;
  },
): Promise<ExitCode> {
  const { style, isOnce, write, onStopSignal } = options;
  const stop = Promise.withResolvers<string>();
  const undo = onStopSignal((signal) => stop.resolve(signal));
  try {
    let model = null;
    for (;;) {
      model = withSnapshot(model, await read(), performance.now(), style);
      write(`${isOnce ? "" : clear}${textOf(model, style)}\n`);
      if (isOnce) return exitCodes.ok;
      const signal = await Promise.race([stop.promise, Bun.sleep(everyMs)]);
      if (signal) return signal === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
    }
  } finally {
    undo();
  }
}
