import type { CommandWord } from "../../pool/worker/command-line.ts";

/** What is known of a job when it is read, and needed when it has ended. */
export interface JobDetails {
  /** The values of its input, for --tag. */
  tag: string;
  /** Its command or call, for --joblog. */
  command: readonly CommandWord[];
}

/** Keeps details of jobs until they end, by their numbers; of none if they are not `wanted`. */
export class JobNotes {
  readonly isWanted: boolean;
  readonly #notes = new Map<number, JobDetails>();

  constructor(isWanted: boolean) {
    this.isWanted = isWanted;
  }

  add(number: number, details: JobDetails): void {
    if (this.isWanted) this.#notes.set(number, details);
  }

  get(number: number): JobDetails {
    return this.#notes.get(number) ?? { tag: String(number), command: [] };
  }

  /** Returns the details of a job, and forgets them. */
  take(number: number): JobDetails {
    const details = this.get(number);
    this.#notes.delete(number);
    return details;
  }
}
