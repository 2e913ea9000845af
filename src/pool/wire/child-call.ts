import type { ChildPost } from "../../db/engine/children.ts";

/** A call of `post` in a job. */
export interface ChildCall extends ChildPost {}

/** The most jobs of a call, as in draft_child, and the most characters of their arguments. */
export const callJobsMax = 100_000;
export const callCharsMax = 16 * 2 ** 20;
/** The most characters of a message: longer texts are sent in several parts. */
export const partChars = 2 ** 20;

/** Why a call posted nothing. */
export interface ChildRefusal {
  message: string;
  /** Another attempt would have the same result. */
  isFatal: boolean;
}

/** The number of the posting, or why there is none. */
export type ChildAnswer = { id: number; error: null } | { id: null; error: ChildRefusal };

/** A call while its parts arrive. */
interface OpenCall {
  chunk: number;
  position: number;
  number: number;
  parts: string[];
  chars: number;
}

/** Collects the parts of the calls of one worker, which makes one call at a time. */
export class ChildCallParts {
  #open: OpenCall | null = null;

  /** The call, if this is its last part; null if others follow, or the worker breaks the rules. */
  add(message: {
    chunk: number;
    position: number;
    number: number;
    entryPoint: string;
    options: string;
    jobs: string;
    isLast: boolean;
  }): ChildCall | null {
    const { chunk, position, number, entryPoint, options, jobs, isLast } = message;
    const before = this.#open;
    const isSame =
      before?.chunk === chunk && before.position === position && before.number === number;
    const call = isSame ? before : { chunk, position, number, parts: [], chars: 0 };
    call.parts.push(jobs);
    call.chars += jobs.length;
    const isOver = isLast || call.chars > 2 * callCharsMax;
    this.#open = isOver ? null : call;
    return isLast ? { number, entryPoint, options, jobs: call.parts.join("") } : null;
  }
}
