import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";

import { run } from "../../src/cli/commands.ts";
import { osUser } from "../../src/db/settings/os-user.ts";
import type { ProcessContext } from "../../src/cli/shell/context.ts";
import { spreadArgs } from "../../src/cli/shell/spread-args.ts";
import { type CommandLine, environment } from "../binary/cli.ts";

/** Workers and other processes of a command run from source. */
const program = [process.execPath, join(import.meta.dir, "../../src/main.ts")];

/**
 * A folder for one test, in which commands run in this process. Use `openCli` for commands that a
 * signal ends, and for tests of the process itself or of the frames of its workers.
 */
export async function openCommands(db: { url: string } | null): Promise<CommandLine> {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-commands-"));
  const env = environment(db?.url ?? null);
  const runWith: CommandLine["runWith"] = async (options, ...args) => {
    const [stdout, stderr] = [new Captured(), new Captured()];
    const input = options.input === undefined ? [] : [Buffer.from(options.input)];
    const context = {
      ...processOf({ ...env, ...options.env }),
      stdin: Readable.from(input),
      stdout,
      stderr,
      cwd: options.cwd ?? folder,
    };
    const code = await run(spreadArgs(args), context);
    return { code, out: stdout.text, err: stderr.text };
  };
  return {
    folder,
    env,
    runWith,
    run: (...args) => runWith({}, ...args),
    write: async (name, text) => void (await Bun.write(join(folder, name), text)),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What `main.ts` reads of its process, without a terminal, and with `env` alone of ours. */
function processOf(
  env: Record<string, string>,
): Omit<ProcessContext, "stdin" | "stdout" | "stderr"> {
  return {
    env,
    cwd: "/",
    colorDepth: 1,
    pid: process.pid,
    uid: process.getuid?.() ?? -1,
    host: hostname(),
    home: env["HOME"] ?? "",
    osUser,
    platform: process.platform,
    cores: availableParallelism(),
    program,
    isTerminal: { stdin: false, stdout: false, stderr: false },
    columns: null,
    onStopSignal: () => () => {},
  };
}

class Captured extends Writable {
  readonly #parts: Buffer[] = [];

  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.#parts.push(part);
    done();
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString();
  }
}
