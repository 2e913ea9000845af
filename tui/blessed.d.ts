// The part of blessed that tui/screen.ts uses: it has no types of its own.
declare module "blessed/lib/program.js" {
  interface Key {
    full: string;
    sequence?: string;
  }
  interface Mouse {
    action: string;
    x: number;
    y: number;
    shift: boolean;
  }
  interface Program {
    on(event: "keypress", listener: (letter: string | undefined, key: Key) => void): void;
    on(event: "mouse", listener: (mouse: Mouse) => void): void;
    destroy(): void;
  }
  const Program: new (options: {
    input: NodeJS.EventEmitter;
    output: NodeJS.EventEmitter & { writable: boolean; isTTY: boolean };
    tput: false;
    terminal: string;
  }) => Program;
  export = Program;
}
