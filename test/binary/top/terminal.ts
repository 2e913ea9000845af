import { binary } from "../../binary.ts";

/** A program in a terminal of its own. */
export interface InTerminal {
  /** All that it has shown so far, colours and all. */
  screen: () => string;
  type: (keys: string) => void;
  /** Resolves once it has shown `text`. */
  shown: (text: string) => Promise<void>;
  exited: Promise<number>;
}

/** Runs the binary in a terminal, as a person would. */
export async function inTerminal(
  options: { env: Record<string, string>; cwd: string; columns?: number },
  ...args: string[]
): Promise<InTerminal> {
  const program = await binary();
  const decoder = new TextDecoder();
  let screen = "";
  let onData = () => {};
  const child = Bun.spawn([program, ...args], {
    cwd: options.cwd,
    env: { TERM: "xterm", ...options.env },
    terminal: {
      cols: options.columns ?? 100,
      rows: 30,
      data: (_terminal, bytes) => {
        screen += decoder.decode(bytes, { stream: true });
        onData();
      },
    },
  });
  return {
    screen: () => screen,
    type: (keys) => void child.terminal?.write(keys),
    exited: child.exited,
    shown: async (text) => {
      const ended = child.exited.then(() => "ended");
      while (!screen.includes(text)) {
        const more = new Promise<string>((resolve) => (onData = () => resolve("more")));
        const next = await Promise.race([more, ended]);
        if (next === "ended" && !screen.includes(text)) {
          throw new Error(`expected "${text}", it ended and had shown only:\n${screen}`);
        }
      }
    },
  };
}
