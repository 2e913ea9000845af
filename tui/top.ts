import { frameOf, type Style, textOf } from "./draw/frame.ts";
import { type Glyphs, glyphsOf } from "./draw/glyphs.ts";
import {
  type Effect,
  type Event,
  type Model,
  jobsOnPage,
  viewOf,
  refreshMs,
  startModel,
} from "./state/model.ts";
import { paletteOf, type Theme } from "./draw/palette.ts";
import { Screen, type TerminalInput, type TerminalOutput } from "./screen.ts";
import type { TopSource } from "./state/source.ts";
import type { Terminal } from "./draw/terminal.ts";
import { update } from "./update.ts";
import { screenLines } from "./views/screen-lines.ts";

export interface TopOptions {
  source: TopSource;
  input: TerminalInput;
  output: TerminalOutput;
  outputFile: number | null;
  terminal: Terminal;
  theme: Theme;
  hasMouse: boolean;
  readOnly: string | null;
  everyMs: number;
  /** Writes a text to a new file and returns its name. */
  save: (text: string) => Promise<string>;
  /** Stops the process like Ctrl-Z; returns when it continues. */
  suspend: () => Promise<void>;
  /** Calls back when the process shall end. */
  onStopSignal: (listener: (signal: string) => void) => () => void;
  /** Calls back with uncaught errors. */
  onBug: (listener: (error: unknown) => void) => () => void;
  /** Calls back when the process continues after it was stopped from outside. */
  onContinue: (listener: () => void) => () => void;
  /** Whether the shell that started the process is gone. */
  isOrphaned: () => boolean;
  /** The message of an error, for people. */
  messageOf: (error: unknown) => string;
}

/** After this time without an answer the screen says so. */
const silentMs = 4_000;
const tickMs = 1_000;

/** Shows the queue until the user quits. Resolves to the signal that ended it; null for `q`. */
export async function runTop(options: TopOptions): Promise<string | null> {
  using top = new Top(options);
  return await top.run();
}

class Top implements Disposable {
  readonly #options: TopOptions;
  readonly #screen: Screen;
  readonly #glyphs: Glyphs;
  readonly #style: Style;
  readonly #end = Promise.withResolvers<string | null>();
  #model: Model;
  #refreshTimer: ReturnType<typeof setTimeout> | null = null;
  #refreshingSinceMs: number | null = null;
  #wantsRefresh = false;
  #isDrawing = false;
  #isOver = false;

  constructor(options: TopOptions) {
    this.#options = options;
    const { terminal, theme, input, output, outputFile, hasMouse } = options;
    this.#glyphs = glyphsOf(terminal);
    this.#style = { palette: paletteOf(terminal.colors, theme), isUtf8: terminal.isUtf8 };
    this.#screen = new Screen({
      input,
      output,
      outputFile,
      terminal,
      hasMouse,
      onKey: (key) => this.#on({ kind: "key", key }),
      onPaste: (text) => this.#on({ kind: "paste", text }),
      onMouse: (mouse) => this.#on({ kind: "mouse", ...mouse }),
      onResize: () => this.#on({ kind: "resize", size: this.#screen.size }),
      onGone: () => this.#leave("SIGHUP"),
    });
    this.#model = startModel({
      size: this.#screen.size,
      nowMs: performance.now(),
      everyMs: options.everyMs,
      startedReadOnly: options.readOnly,
    });
  }

  async run(): Promise<string | null> {
    const { onStopSignal, onBug, onContinue } = this.#options;
    const undo = [
      onStopSignal((signal) => this.#leave(signal)),
      onBug((error) => this.#fail(error)),
      onContinue(() => this.#resume()),
    ];
    const ticker = setInterval(() => this.#tick(), tickMs);
    try {
      this.#screen.start();
      this.#on({ kind: "tick" });
      this.#refresh();
      return await this.#end.promise;
    } finally {
      this.#isOver = true;
      this.#screen.restore();
      clearInterval(ticker);
      if (this.#refreshTimer) clearTimeout(this.#refreshTimer);
      for (const each of undo) each();
    }
  }

  [Symbol.dispose](): void {
    this.#screen[Symbol.dispose]();
  }

  #leave(signal: string | null): void {
    this.#isOver = true;
    this.#screen.restore();
    this.#end.resolve(signal);
  }

  /** Restores the terminal first, so that the error can be read. */
  #fail(error: unknown): void {
    this.#isOver = true;
    this.#screen.restore();
    this.#end.reject(error);
  }

  #on(event: Event): void {
    if (this.#isOver) return;
    try {
      const { model, effects } = update(this.#model, event, performance.now());
      this.#model = model;
      for (const effect of effects) this.#do(effect);
      this.#drawSoon();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Draws once for all events of a turn, such as a key that repeats. */
  #drawSoon(): void {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    setImmediate(() => {
      this.#isDrawing = false;
      if (this.#isOver) return;
      try {
        const lines = screenLines(this.#model, this.#glyphs).map(({ line }) => line);
        this.#screen.draw(frameOf(lines, this.#model.size, this.#style));
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #do(effect: Effect): void {
    switch (effect.kind) {
      case "refresh":
        return this.#refresh();
      case "act":
        return void this.#act(effect.action);
      case "copy":
        return this.#screen.copy(effect.text);
      case "save":
        return void this.#save();
      case "redraw":
        return this.#screen.forget();
      case "suspend":
        return void this.#suspend();
      case "leave":
        return this.#leave(effect.signal);
    }
  }

  /** Never two at once: a request that comes meanwhile leads to one more refresh afterwards. */
  #refresh(): void {
    if (this.#refreshingSinceMs !== null) {
      this.#wantsRefresh = true;
      return;
    }
    if (this.#refreshTimer) clearTimeout(this.#refreshTimer);
    this.#refreshTimer = null;
    this.#wantsRefresh = false;
    this.#refreshingSinceMs = performance.now();
    void this.#readAll()
      .catch((error: unknown) => {
        this.#on({ kind: "fault", message: this.#options.messageOf(error) });
      })
      .finally(() => {
        this.#refreshingSinceMs = null;
        if (!this.#isOver) this.#planRefresh();
      });
  }

  #planRefresh(): void {
    if (this.#wantsRefresh) {
      this.#refresh();
      return;
    }
    this.#refreshTimer = setTimeout(() => {
      this.#refreshTimer = null;
      // A lost server is tried again even if the screen is frozen.
      if (this.#model.isFrozen && !this.#model.fault) this.#planRefresh();
      else this.#refresh();
    }, refreshMs(this.#model));
  }

  async #readAll(): Promise<void> {
    const { source } = this.#options;
    const startedAt = performance.now();
    const snapshot = await source.snapshot();
    this.#on({ kind: "snapshot", snapshot, tookMs: performance.now() - startedAt });
    const view = viewOf(this.#model);
    switch (view.kind) {
      case "overview":
        return;
      case "metrics":
        return this.#on({ kind: "metrics", metrics: await source.metrics() });
      case "schedules":
        return this.#on({ kind: "schedules", schedules: await source.schedules() });
      case "pool": {
        const { poolId } = view;
        return this.#on({ kind: "pool", poolId, details: await source.pool(poolId) });
      }
      case "jobs": {
        const page = await source.jobs({ ...view, size: jobsOnPage(this.#model) });
        return this.#on({ kind: "page", view, page });
      }
      case "job": {
        const { postingId, index } = view;
        const job = await source.job(postingId, index);
        return this.#on({ kind: "job", postingId, index, job });
      }
    }
  }

  #tick(): void {
    if (this.#options.isOrphaned()) this.#leave("SIGHUP");
    this.#watchSilence();
    this.#on({ kind: "tick" });
  }

  #watchSilence(): void {
    const since = this.#refreshingSinceMs;
    if (since === null || performance.now() - since < silentMs) return;
    this.#on({ kind: "fault", message: "the server does not answer" });
  }

  async #act(action: Extract<Effect, { kind: "act" }>["action"]): Promise<void> {
    try {
      const text = await this.#options.source.act(action);
      this.#on({ kind: "acted", text, isGood: true });
    } catch (error) {
      this.#on({ kind: "acted", text: this.#options.messageOf(error), isGood: false });
    }
  }

  async #save(): Promise<void> {
    const lines = screenLines(this.#model, this.#glyphs).map(({ line }) => textOf(line));
    try {
      const name = await this.#options.save(`${lines.join("\n")}\n`);
      this.#on({ kind: "acted", text: `saved to ${name}`, isGood: true });
    } catch (error) {
      this.#on({ kind: "acted", text: this.#options.messageOf(error), isGood: false });
    }
  }

  async #suspend(): Promise<void> {
    this.#screen.restore();
    await this.#options.suspend();
    this.#resume();
  }

  #resume(): void {
    if (this.#isOver) return;
    this.#screen.restore();
    this.#screen.start();
    this.#on({ kind: "resize", size: this.#screen.size });
    this.#refresh();
  }
}
