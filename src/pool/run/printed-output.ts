import type { Tail } from "../../db/engine/follow.ts";
import { freeMiddle } from "../wire/free-middle.ts";
import {
  closeOutputFile,
  type Cut,
  cutOutput,
  emptyOutput,
  joinOutput,
  middleOfOutput,
  readOutput,
  readTail,
  sizeOfOutput,
} from "../wire/output-file.ts";
import type { Output, OutputRanges, WholeOutput } from "../wire/ends.ts";
import type { SharedPage } from "../wire/shared-page.ts";
import type { Spool } from "../wire/spool.ts";

/** The files that are the stdout and stderr of a worker, with the output of its running job. */
export class PrintedOutput {
  readonly #files: readonly [stdout: number, stderr: number];
  readonly #page: SharedPage;
  /** Gets a copy of all output of commands; null if only the kept part is needed. */
  readonly #spool: Spool | null;
  /** Parts that were set aside because the running job filled its files too far. */
  #cuts: [Cut | null, Cut | null] = [null, null];
  /** The ends of the middle parts that were freed while this job ran. */
  #freedTo: [number, number] = [0, 0];

  constructor(files: readonly [number, number], page: SharedPage, spool: Spool | null) {
    this.#files = files;
    this.#page = page;
    this.#spool = spool;
  }

  /** Limits the disk space for the output of the running job. */
  bound(): void {
    if (this.#spool) return; // all of it is needed
    const starts = this.#page.outputStarts();
    for (const stream of [0, 1] as const) {
      const [file, start] = [this.#files[stream], starts[stream]];
      const middle = middleOfOutput(file, start, this.#freedTo[stream]);
      if (middle === null) continue;
      if (freeMiddle(file, ...middle)) this.#freedTo[stream] = middle[1];
      else this.#cuts[stream] = cutOutput(file, start, this.#cuts[stream]);
    }
  }

  /** Whether parts of the output of a job were set aside, or freed. */
  get isCut(): boolean {
    return this.#cuts.some((cut) => cut !== null) || this.#freedTo.some((end) => end > 0);
  }

  /** The output that a job reported, with the parts that were set aside. */
  take(printed: Output | null): Output | null {
    const [spool, ranges] = [this.#spool, printed?.ranges];
    if (printed && spool && ranges) return { ...printed, whole: this.#copied(spool, ranges) };
    const [stdout, stderr] = this.#cuts;
    this.#cuts = [null, null];
    this.#freedTo = [0, 0];
    if (stdout === null && stderr === null) return printed;
    return {
      stdout: joinOutput(stdout, printed?.stdout ?? null),
      stderr: joinOutput(stderr, printed?.stderr ?? null),
    };
  }

  /** The end of the output of the running job so far. */
  live(): { stdout: Tail; stderr: Tail } {
    const [out, err] = this.#page.outputStarts();
    return { stdout: readTail(this.#files[0], out), stderr: readTail(this.#files[1], err) };
  }

  /** The output of the job that ran when the worker died. */
  last(): Output {
    const [out, err] = this.#page.outputStarts();
    const [stdout, stderr] = this.#files;
    const printed = { stdout: readOutput(stdout, out), stderr: readOutput(stderr, err) };
    if (!this.#spool) return this.take(printed) ?? printed;
    const ranges: OutputRanges = [out, sizeOfOutput(stdout), err, sizeOfOutput(stderr)];
    return { ...printed, whole: this.#copied(this.#spool, ranges) };
  }

  /** Resolves when all output so far has been copied. */
  async copied(): Promise<void> {
    await this.#spool?.copied;
  }

  empty(): void {
    for (const file of this.#files) emptyOutput(file);
  }

  close(): void {
    const close = () => this.#files.forEach(closeOutputFile);
    if (this.#spool) void this.#spool.copied.then(close);
    else close();
  }

  #copied(spool: Spool, [outFrom, out, errFrom, err]: OutputRanges): WholeOutput {
    const [stdout, stderr] = this.#files;
    return { stdout: spool.copy(stdout, outFrom, out), stderr: spool.copy(stderr, errFrom, err) };
  }
}
