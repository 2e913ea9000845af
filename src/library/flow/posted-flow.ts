import type { Posting } from "../posting/posting.ts";

/** A posted flow. */
export class Flow {
  /** Its number in `pdoflow flow show`. */
  readonly id: number;
  readonly name: string;
  /** False if its key had been posted before; then this is that flow. */
  readonly isNew: boolean;
  /** The posting of each stage, in the order in which they were described. */
  readonly postings: ReadonlyMap<string, Posting>;

  /** @internal Created by `flow`. */
  constructor({ id, name, isNew, postings }: Pick<Flow, "id" | "name" | "isNew" | "postings">) {
    this.id = id;
    this.name = name;
    this.isNew = isNew;
    this.postings = postings;
  }
}
