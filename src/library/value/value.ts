/** Where a value is. */
export interface ValueOptions {
  /** The URL of the database. Default: that of the environment, else the embedded server. */
  db?: string | undefined;
}

/**
 * A value that programs share by the queue, by its name: what `pdoflow vars get NAME` shows. It can
 * be whatever an argument can be (docs/values.md). Making one of these reads and writes nothing.
 *
 * @example const best = new Value("best loss", Infinity);
 * await best.update((loss) => Math.min(loss, 0.25));
 */
export class Value<T> {
  readonly name: string;
  /** What it is as long as nobody has set it. */
  readonly initial: T;
  readonly #options: ValueOptions;

  constructor(name: string, initial: T, options: ValueOptions = {}) {
    this.name = name;
    this.initial = initial;
    this.#options = options;
  }

  /** What it is now. Its type is what you say it is: other programs may set it too. */
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
   * Sets it to what `change` makes of it, and returns that. Nothing that others set at the same
   * time is lost: then `change` is called once more, with what they have set. So it should do
   * nothing but compute.
   *
   * @example const count = await new Value("files seen", 0).update((n) => n + 1);
   * @throws {UnencodableValue} `change` gave a function, a promise, a class instance, …
   * @throws what `change` throws; nothing is set then.
   */
  async update(change: (value: T) => T): Promise<T> {
    const stored = await this.#stored();
    return await stored.update((found) => change(found ? (found.value as T) : this.initial));
  }

  /** Forgets it: then it is `initial` again. Returns whether it had been set. */
  async delete(): Promise<boolean> {
    const stored = await this.#stored();
    return await stored.delete();
  }

  async #stored() {
    const { StoredValue } = await import("./stored-value.ts");
    return new StoredValue(this.name, this.#options);
  }
}
