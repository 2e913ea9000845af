import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** A job of the file has no valid priority. */
export class NoPriority extends PdoflowError {
  override readonly name = "NoPriority";
  readonly exitCode = exitCodes.usage;
  constructor(location: string, column: string, found: string) {
    super(
      `${location}: expected a 32-bit whole number in "${column}", the priority of the job, ` +
        `found ${found}. Set the column with --priority-column.`,
    );
  }
}

/** Reads the priority of each job from one column or key of its file. */
export class PriorityColumn {
  readonly name: string;
  #taken: number[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Notes the priority of the next job. @throws {NoPriority} */
  note(value: unknown, location: string): void {
    const number = typeof value === "string" ? Number(value.trim() || NaN) : value;
    if (typeof number !== "number" || number !== (number | 0)) {
      throw new NoPriority(location, this.name, JSON.stringify(value) ?? "none");
    }
    this.#taken.push(number);
  }

  /** Removes the key from `text`. @throws {NoPriority} also if `text` is a list. */
  takeFrom(text: string, location: string): string {
    const args: unknown = JSON.parse(text);
    if (typeof args !== "object" || args === null || Array.isArray(args)) {
      throw new NoPriority(location, this.name, "a list");
    }
    const { [this.name]: priority, ...rest } = Object(args) as Record<string, unknown>;
    this.note(priority, location);
    return JSON.stringify(rest);
  }

  /** The priorities noted since the last call. */
  take(): number[] {
    const taken = this.#taken;
    this.#taken = [];
    return taken;
  }
}
