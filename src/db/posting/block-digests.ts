import { createHash } from "node:crypto";

import { separator } from "../connection/array.ts";
import type { DigestForm } from "../../domain/signed-posting.ts";

/** The number of jobs, or the length of text, that ends a block. A pool reads whole blocks. */
const jobsMax = 1_000;
const lengthMax = 65_536;

export const sha256 = (text: string | NodeJS.ArrayBufferView): string =>
  createHash("sha256").update(text).digest("hex");

/** A block of jobs of a posting: from the end of the block before up to before `endSeq`. */
export interface Block {
  endSeq: number;
  digest: string;
}

/** Jobs as they are digested, in the order of their seq. */
export interface DigestedJobs {
  /** A line for each. */
  args: string;
  indexes: readonly number[];
}

/** The digest of the jobs of a block. */
export const blockDigest = (form: DigestForm, { args, indexes }: DigestedJobs): string =>
  form === "text"
    ? sha256(args)
    : sha256(
        args
          .split(separator)
          .map((line, i) => hashedJob(indexes[i] ?? -1, sha256(line)))
          .join(separator),
      );

const hashedJob = (index: number, digest: string) => `${index} ${digest}`;

/** Digests the jobs of a posting as they are sent, in the order in which they will be stored. */
export class BlockDigests {
  readonly #lines: string[] = [];
  #jobs: string[] = [];
  #length = 0;
  #count = 0;
  /** For jobs with priorities, which are sorted after all were read: 32 bytes each. */
  readonly #digests: Buffer[] = [];
  readonly #priorities: number[] = [];
  form: DigestForm = "text";

  add(args: readonly string[], priorities: readonly number[] | undefined): void {
    if (priorities === undefined) {
      for (const text of args) this.#push(text);
      return;
    }
    this.form = "index and digest";
    for (const text of args) this.#digests.push(createHash("sha256").update(text).digest());
    for (const priority of priorities) this.#priorities.push(priority);
  }

  #push(text: string): void {
    this.#jobs.push(text);
    this.#length += text.length;
    if (this.#jobs.length === jobsMax || this.#length >= lengthMax) this.#endBlock();
  }

  #endBlock(): void {
    this.#count += this.#jobs.length;
    this.#lines.push(`${this.#count} ${sha256(this.#jobs.join(separator))}\n`);
    this.#jobs = [];
    this.#length = 0;
  }

  /** The list of blocks, and the number of jobs in it. Higher priorities first, stable (J1). */
  end(): { blocks: string; jobCount: number } {
    const order = [...this.#digests.keys()].sort(
      (a, b) => (this.#priorities[b] ?? 0) - (this.#priorities[a] ?? 0),
    );
    for (const index of order) {
      this.#push(hashedJob(index, this.#digests[index]?.toString("hex") ?? ""));
    }
    if (this.#jobs.length > 0) this.#endBlock();
    return { blocks: this.#lines.join(""), jobCount: this.#count };
  }
}

/**
 * The blocks of a list that {@link BlockDigests} wrote, after the digest of the list was verified.
 */
export const parseBlocks = (text: string): Block[] =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [endSeq = "", digest = ""] = line.split(" ");
      return { endSeq: Number(endSeq), digest };
    });

/** The index of the first block that ends after `seq`. */
export function blockAt(blocks: readonly Block[], seq: number): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((blocks[middle]?.endSeq ?? 0) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}
