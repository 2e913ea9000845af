import { appendFileSync } from "node:fs";

/** Something that may make a job start again, or keep its outcome from being recorded. */
export interface Trouble {
  what: string;
  /** The pool or the worker that was hit; null for all of them. */
  pid: number | null;
  /** The posting that was hit, by the number of its batch; null for all of them. */
  batch: number | null;
  /** On the clock of this machine, as in the journal. */
  from: number;
  to: number;
}

/** The faults of the system with their times, so that a run can be followed and judged. */
export class Chronicle {
  readonly startedAt = Date.now();
  readonly troubles: Trouble[] = [];
  readonly counts = new Map<string, number>();
  /** What must never happen and is not seen in the database, such as a pool that gave up. */
  readonly violations: string[] = [];
  readonly #path: string;
  readonly #say: (line: string) => void;

  constructor(path: string, say: (line: string) => void) {
    this.#path = path;
    this.#say = say;
  }

  tell(line: string): void {
    const at = ((Date.now() - this.startedAt) / 1000).toFixed(3).padStart(8);
    appendFileSync(this.#path, `${at} ${line}\n`);
    this.#say(`${at} ${line}`);
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  /** Counts and logs a fault that begins now. Returns the function that ends it. */
  fault(
    what: string,
    {
      pid = null,
      batch = null,
      more = "",
    }: { pid?: number | null; batch?: number | null; more?: string },
  ): () => void {
    this.count(what);
    this.tell(`${what}${pid === null ? "" : ` pid ${pid}`} ${more}`);
    return this.trouble(what, { pid, batch });
  }

  /** Notes a trouble that begins now. Returns the function that ends it. */
  trouble(what: string, { pid = null, batch = null }: Partial<Pick<Trouble, "pid" | "batch">>) {
    const trouble = { what, pid, batch, from: Date.now(), to: Infinity };
    this.troubles.push(trouble);
    return () => void (trouble.to = Date.now());
  }
}
