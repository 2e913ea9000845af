import type { LiveOutput, Tail } from "../../db/engine/follow.ts";

const lineFeed = 10;

/** The number of bytes of a job's stdout and stderr that are printed. */
export type Printed = readonly [stdout: number, stderr: number];

/** Takes whole lines from the output of running jobs, and remembers how many bytes it took. */
export class LiveLines {
  readonly #printed = new Map<string, [number, number]>();

  /** The lines that are new since the last call. */
  take(job: string, { attempt, stdout, stderr }: LiveOutput): [Uint8Array, Uint8Array] {
    const key = `${job}#${attempt}`;
    const printed = this.#printed.get(key) ?? [0, 0];
    this.#printed.set(key, printed);
    const [out, err] = [newLines(stdout, printed[0]), newLines(stderr, printed[1])];
    printed[0] += out.length;
    printed[1] += err.length;
    return [out, err];
  }

  /** The job has ended: forgets it. */
  end(job: string, attempt: number): Printed {
    const key = `${job}#${attempt}`;
    const printed = this.#printed.get(key) ?? [0, 0];
    this.#printed.delete(key);
    return printed;
  }
}

/** None if bytes are missing before the tail: then they are printed when the job has ended. */
function newLines({ bytes, end }: Tail, printed: number): Uint8Array {
  const from = printed - (end - bytes.length);
  if (from < 0 || from >= bytes.length) return new Uint8Array();
  return bytes.subarray(from, Math.max(bytes.lastIndexOf(lineFeed) + 1, from));
}
