import { EventEmitter } from "node:events";
import { writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

import Program from "blessed/lib/program.js";

import { hasCode } from "../src/domain/errors.ts";
import type { Frame, Size } from "./draw/frame.ts";
import { splitInput } from "./input.ts";
import { paint } from "./draw/paint.ts";
import type { Terminal } from "./draw/terminal.ts";

/** The input of a terminal: that of the process, or one of a test. */
export interface TerminalInput extends NodeJS.EventEmitter {
  setRawMode?: (isRaw: boolean) => unknown;
  resume(): unknown;
  pause(): unknown;
}

export interface TerminalOutput extends NodeJS.EventEmitter {
  columns?: number;
  rows?: number;
  write(text: string): boolean;
}

export interface ScreenEvents {
  /** `a`, `R`, `up`, `C-c`, `tab`, `S-tab`, `escape`, `enter`, `backspace`, `space` … */
  onKey: (key: string) => void;
  onPaste: (text: string) => void;
  onMouse: (event: { action: "click" | "wheelup" | "wheeldown"; x: number; y: number }) => void;
  onResize: () => void;
  /** The terminal was closed. */
  onGone: () => void;
}

export interface ScreenOptions extends ScreenEvents {
  input: TerminalInput;
  output: TerminalOutput;
  /** The file descriptor for the last write, when there is no time for a stream. */
  outputFile: number | null;
  terminal: Terminal;
  hasMouse: boolean;
}

const escape = "\u001b";
/** A lone ESC was the key if nothing follows within this time. */
const escapeMs = 40;
/** A longer rest is dropped: a paste without an end. */
const longestRest = 100_000;

/**
 * The terminal while the dashboard uses it: second screen, raw keys, mouse. {@link restore} resets
 * it at once, in any state of the process.
 */
export class Screen implements Disposable {
  readonly #options: ScreenOptions;
  readonly #keys = new EventEmitter();
  readonly #program: InstanceType<typeof Program>;
  readonly #decoder = new StringDecoder("utf8");
  #shown: Frame | null = null;
  #wanted: Frame | null = null;
  #isBlocked = false;
  #isOn = false;
  #rest = "";
  #escapeTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: ScreenOptions) {
    this.#options = options;
    // Without terminfo, which a binary does not contain. It gets one key at a time: of several keys
    // in one piece it would lose some.
    this.#program = new Program({
      input: this.#keys,
      output: Object.assign(new EventEmitter(), { writable: true, isTTY: true }),
      tput: false,
      terminal: "xterm",
    });
    this.#program.on("keypress", (letter, { full, sequence = letter }) => {
      if (full === "return") return; // it comes a second time, as "enter"
      const isLetter = letter !== undefined && letter.length === 1 && letter > " ";
      options.onKey(isLetter && letter !== "\u007f" && sequence === letter ? letter : full);
    });
    this.#program.on("mouse", ({ action, x, y }) => {
      if (action === "wheelup" || action === "wheeldown") options.onMouse({ action, x, y });
      if (action === "mousedown") options.onMouse({ action: "click", x, y });
    });
  }

  get size(): Size {
    const { columns, rows } = this.#options.output;
    return { columns: columns || 80, rows: rows || 24 };
  }

  /** Takes over the terminal; draws nothing yet. */
  start(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    const { input, output, onResize } = this.#options;
    process.on("exit", this.restore);
    input.on("data", this.#onData);
    input.on("end", this.#onGone);
    input.on("error", this.#onGone);
    output.on("resize", onResize);
    output.on("drain", this.#onDrain);
    this.#setRaw(true);
    input.resume();
    this.#isBlocked = false;
    this.#send(this.#enter());
    this.#shown = null;
  }

  /** Restores the terminal. A second call does nothing. */
  readonly restore = (): void => {
    if (!this.#isOn) return;
    this.#isOn = false;
    const { input, output, onResize } = this.#options;
    process.off("exit", this.restore);
    input.off("data", this.#onData);
    input.off("end", this.#onGone);
    input.off("error", this.#onGone);
    output.off("resize", onResize);
    output.off("drain", this.#onDrain);
    if (this.#escapeTimer) clearTimeout(this.#escapeTimer);
    this.#rest = "";
    this.#shown = null;
    this.#wanted = null;
    this.#sendNow(this.#leave());
    this.#setRaw(false);
    input.pause();
  };

  [Symbol.dispose](): void {
    this.restore();
    this.#program.destroy();
  }

  /** Shows a frame as soon as the terminal accepts it; skips frames that newer ones replace. */
  draw(frame: Frame): void {
    if (!this.#isOn) return;
    if (this.#isBlocked) {
      this.#wanted = frame;
      return;
    }
    const text = paint(this.#shown, frame);
    this.#shown = frame;
    if (text === "") return;
    // Modern terminals show one update at a time, so that the screen does not flicker.
    const { isModern } = this.#options.terminal;
    this.#send(isModern ? `${escape}[?2026h${text}${escape}[?2026l` : text);
  }

  /** Forgets the screen's content: the next frame is drawn whole. */
  forget(): void {
    this.#shown = null;
  }

  /** Puts text into the user's clipboard (OSC 52). */
  copy(text: string): void {
    if (this.#isOn) this.#send(`${escape}]52;c;${Buffer.from(text).toString("base64")}\u0007`);
  }

  readonly #onGone = () => this.#options.onGone();

  readonly #onDrain = () => {
    this.#isBlocked = false;
    const frame = this.#wanted;
    this.#wanted = null;
    if (frame) this.draw(frame);
  };

  #send(text: string): void {
    if (!this.#options.output.write(text)) this.#isBlocked = true;
  }

  #sendNow(text: string): void {
    const { outputFile, output } = this.#options;
    if (outputFile === null) {
      output.write(text);
      return;
    }
    const bytes = Buffer.from(text);
    let sent = 0;
    // A terminal that is stopped (Ctrl-S) or gone must not block the exit.
    for (let tries = 0; sent < bytes.length && tries < 50; tries++) {
      try {
        sent += writeSync(outputFile, bytes, sent);
      } catch (error) {
        if (!hasCode(error, "EAGAIN")) return;
        Bun.sleepSync(2);
      }
    }
  }

  #setRaw(isRaw: boolean): void {
    try {
      this.#options.input.setRawMode?.(isRaw);
    } catch (error) {
      // A terminal that was hung up accepts no settings, and needs no restoring.
      if (isRaw) throw error;
    }
  }

  #enter(): string {
    const { terminal, hasMouse } = this.#options;
    if (!terminal.isModern) return `${escape}[?7l${escape}[2J`;
    const mouse = hasMouse ? `${escape}[?1000h${escape}[?1006h` : "";
    return `${escape}[?1049h${escape}[?7l${escape}[?25l${escape}[?2004h${mouse}`;
  }

  #leave(): string {
    const { terminal, hasMouse } = this.#options;
    const { rows } = this.size;
    const reset = `${escape}[0m`;
    if (!terminal.isModern) return `${reset}${escape}[2J${escape}[${rows};1H${escape}[?7h`;
    const mouse = hasMouse ? `${escape}[?1006l${escape}[?1000l` : "";
    const modes = `${escape}[?2026l${mouse}${escape}[?2004l${escape}[?7h${escape}[?25h`;
    return `${reset}${modes}${escape}[?1049l`;
  }

  readonly #onData = (data: Uint8Array | string): void => {
    const text = typeof data === "string" ? data : this.#decoder.write(Buffer.from(data));
    if (this.#escapeTimer) clearTimeout(this.#escapeTimer);
    const { pieces, rest } = splitInput(this.#rest + text);
    this.#rest = rest.length > longestRest ? "" : rest;
    if (rest !== "") this.#escapeTimer = setTimeout(() => this.#giveUpRest(), escapeMs);
    for (const { kind, text: sequence } of pieces) {
      if (!this.#isOn) return; // left by one of them
      if (kind === "paste") this.#options.onPaste(sequence);
      else this.#press(sequence);
    }
  };

  /** The beginning of a sequence that did not continue was a key by itself. */
  #giveUpRest(): void {
    const rest = this.#rest;
    if (rest.startsWith(`${escape}[200~`)) return; // a long paste is on its way
    this.#rest = "";
    if (rest === escape) this.#press(rest);
  }

  #press(sequence: string): void {
    // Blessed would split a letter beyond 16 bits into its halves.
    if (sequence > "\u007f") this.#options.onKey(sequence);
    else this.#keys.emit("data", Buffer.from(sequence));
  }
}
