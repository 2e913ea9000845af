import type { Writable } from "node:stream";

import type { LiveOutput } from "../../db/engine/follow.ts";
import { messageOf } from "../../domain/errors.ts";
import type { WholeOutput } from "../../pool/wire/ends.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { prefixed, printWhole } from "../output/print-whole.ts";
import type { EndedJob } from "../output/run-output.ts";
import type { PdoflowCommand } from "../shell/command.ts";
import type { PostingProgress } from "../shell/job-progress.ts";
import type { CommandWord } from "../../pool/worker/command-line.ts";
import { LiveLines } from "./live-lines.ts";
import type { JobNotes } from "./job-details.ts";
import type { ParallelLog } from "./parallel-log.ts";

export interface PrinterOptions {
  isCommand: boolean;
  /** Whether each line of output begins with the values of its job. */
  tag: boolean;
  notes: JobNotes;
  log: ParallelLog | null;
}

/** Prints the ended jobs of a run. */
export class RunPrinter {
  readonly #owner: PdoflowCommand;
  readonly #options: PrinterOptions;
  readonly #live = new LiveLines();
  /** The progress line, above which it prints; null for none. */
  bar: PostingProgress | null = null;
  /** Whether some output could not be kept until it was printed. */
  isCut = false;

  constructor(owner: PdoflowCommand, options: PrinterOptions) {
    this.#owner = owner;
    this.#options = options;
  }

  readonly show = async (job: EndedJob): Promise<void> => {
    const { isCommand, tag, notes, log } = this.#options;
    const owner = this.#owner;
    const details = notes.take(job.number);
    if (log) this.#log(log, job, details.command);
    if (owner.json) {
      return await this.#aside("stdout", () => owner.printJson(outputSchemas.run, job));
    }
    const { whole, error } = job;
    const prefix = tag ? `${details.tag}\t` : "";
    const result = `${prefix}${JSON.stringify(job.result)}\n`;
    if (!isCommand) await this.#aside("stdout", () => owner.printInPace(result));
    else if (whole) await this.#print(job, whole, prefix);
    if (error !== null) owner.say(`job ${job.job} ${job.state}: ${error.name}: ${error.message}`);
  };

  /** Prints the new lines of a running job. */
  async showLive(number: number, output: LiveOutput): Promise<void> {
    const { tag, notes } = this.#options;
    const prefix = Buffer.from(tag ? `${notes.get(number).tag}\t` : "");
    const [out, err] = this.#live.take(`${output.posting}/${output.seq}`, output);
    const { stdout, stderr } = this.#owner.context;
    const write = (lines: Uint8Array, stream: Writable) =>
      new Promise<void>((resolve) => stream.write(prefixed(lines, prefix, true), () => resolve()));
    if (out.length > 0) await this.#aside("stdout", () => write(out, stdout));
    if (err.length > 0) await this.#aside("stderr", () => write(err, stderr));
  }

  /** Prints output above the bar, if both are on the terminal; false if its last line is open. */
  async #aside(
    stream: "stdout" | "stderr",
    print: () => Promise<boolean | void> | void,
  ): Promise<void> {
    if (!this.bar || !this.#owner.context.isTerminal[stream]) return void (await print());
    await this.bar.aside(async () => (await print()) !== false);
  }

  #log(log: ParallelLog, job: EndedJob, command: readonly CommandWord[]): void {
    try {
      log.add(job, command);
    } catch (error) {
      this.isCut = true;
      this.#owner.say(messageOf(error));
    }
  }

  async #print({ job, attempt }: EndedJob, whole: WholeOutput, prefix: string): Promise<void> {
    const { stdout, stderr } = this.#owner.context;
    const [out, err] = this.#live.end(job, attempt);
    try {
      await this.#aside("stdout", () => printWhole(whole.stdout, stdout, { prefix, skip: out }));
      await this.#aside("stderr", () => printWhole(whole.stderr, stderr, { prefix, skip: err }));
    } catch (error) {
      this.isCut = true; // the temporary folder is full
      this.#owner.say(`job ${job}: its output is incomplete: ${String(error)}`);
    }
  }
}
