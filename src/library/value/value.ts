/** The location of a value. */
export interface ValueOptions {
  /** The URL of the database. Default: that of the environment, else the embedded server. */
  db?: string | undefined;
}

/**
 * A value that programs share through the queue, by its name; `pdoflow vars get NAME` shows it. It
 * can be anything that an argument can be (docs/values.md). Creating an instance reads and writes
 * nothing.
 *
 * @example const best = new Value("best loss", Infinity);
 * await best.update((loss) => Math.min(loss, 0.25));
 */
export class Value<T> {
  readonly name: string;
  /** The value until one is set. */
  readonly initial: T;
  readonly #options: ValueOptions;

  constructor(name: string, initial: T, options: ValueOptions = {}) {
    this.name = name;
    this.initial = initial;
    this.#options = options;
  }

  /** The current value. Its type is unchecked, because other programs may set it too. */
  async get(): Promise<T> {
    const stored = await this.#stored();
    const found = await stored.read();
    return found === undefined ? this.initial : (found.value as T);
  }

  /** @throws {UnencodableValue} it is a function, a class instance, … */
  async set(value: T): Promise<void> {
    const stored = await this.#stored();
    await stored.write(value);
  }

  /**
   * Sets the value to the result of `change`, and returns that. No concurrent update is lost: if
   * another program has set the value, `change` is called again with the new one. So it should only
   * compute.
   *
   * @example const count = await new Value("files seen", 0).update((n) => n + 1);
   * @throws {UnencodableValue} `change` returned a function, a promise, a class instance, …
   * @throws the errors of `change`; nothing is set then.
   */
  async update(change: (value: T) => T): Promise<T> {
    const stored = await this.#stored();
    return await stored.update((found) => change(found ? (found.value as T) : this.initial));
  }

  /** Deletes the value, so that it is `initial` again. Returns whether it had been set. */
  async delete(): Promise<boolean> {
    const stored = await this.#stored();
    return await stored.delete();
  }

  async #stored() {
    const { StoredValue } = await import("./stored-value.ts");
    return new StoredValue(this.name, this.#options);
  }
}
