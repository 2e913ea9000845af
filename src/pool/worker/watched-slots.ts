// Taken before any user code runs, because user code may replace them.
const { defineProperty, getOwnPropertyDescriptor } = Object;
const { deleteProperty } = Reflect;
const { stringify } = JSON;

/** A property, as it was when it was watched. */
interface Slot {
  owner: object;
  key: string | symbol;
  value: unknown;
  descriptor: PropertyDescriptor;
}

/** Properties of objects whose values are compared with earlier ones, and restored. */
export class WatchedSlots {
  readonly #slots: Slot[] = [];
  /** Whether all of them are unchanged. */
  readonly areSame: () => boolean;

  constructor(watched: readonly (readonly [owner: object, keys: readonly (string | symbol)[]])[]) {
    for (const [owner, keys] of watched) {
      for (const key of keys) {
        const descriptor = getOwnPropertyDescriptor(owner, key);
        if (!descriptor) continue; // this runtime does not have it
        this.#slots.push({ owner, key, value: valueOf(owner, key), descriptor });
      }
    }
    this.areSame = comparison(this.#slots);
  }

  restore(): void {
    // By number: the iterators of lists may have been replaced, too.
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i];
      if (!slot) continue;
      const { owner, key, value, descriptor } = slot;
      if (valueOf(owner, key) === value) continue;
      try {
        // Whether an environment must see an assignment: TZ is more than its text.
        if ("value" in descriptor && descriptor.writable && value !== undefined) {
          (owner as Record<string | symbol, unknown>)[key] = value;
        }
        if (valueOf(owner, key) === value) continue;
        deleteProperty(owner, key);
        if (value !== undefined) defineProperty(owner, key, descriptor);
      } catch {
        continue; // frozen for good
      }
    }
  }
}

/**
 * A function that compares all of them, as code with their names in it: that takes a nanosecond for
 * each, a loop over names a hundred.
 */
function comparison(slots: readonly Slot[]): () => boolean {
  if (slots.length === 0) return () => true;
  const terms = slots.map(({ key }, i) =>
    typeof key === "string"
      ? `owner${i}[${stringify(key)}] === value${i}`
      : `owner${i}[key${i}] === value${i}`,
  );
  const names = slots.map((_slot, i) =>
    [`owner${i} = owners[${i}]`, `key${i} = keys[${i}]`, `value${i} = values[${i}]`].join(", "),
  );
  const text = `const ${names.join(", ")}; return () => ${terms.join(" && ")};`;
  // Of the user's it has names alone, quoted.
  // oxlint-disable-next-line no-new-func typescript/no-implied-eval
  const make = new Function("owners", "keys", "values", text) as (
    owners: readonly object[],
    keys: readonly (string | symbol)[],
    values: readonly unknown[],
  ) => () => boolean;
  return make(
    slots.map(({ owner }) => owner),
    slots.map(({ key }) => key),
    slots.map(({ value }) => value),
  );
}

const valueOf = (owner: object, key: string | symbol): unknown =>
  (owner as Record<string | symbol, unknown>)[key];

/**
 * The globals that a worker needs to report. Each costs nanoseconds after each job, so there are no
 * more.
 */
export const globalSlots = (): [object, (string | symbol)[]][] => [
  [
    globalThis,
    [
      ...["Array", "Atomics", "Date", "Error", "Float64Array", "JSON", "Map", "Object", "Promise"],
      ...["Reflect", "Set", "String", "AbortController", "console", "performance", "process"],
      ...["clearTimeout", "setImmediate", "setTimeout"],
    ],
  ],
  [JSON, ["parse", "stringify"]],
  [Atomics, ["load", "store", "compareExchange"]],
  [Date, ["now"]],
  [Object, ["assign", "entries", "keys", "hasOwn"]],
  [Promise.prototype, ["then"]],
  [Reflect, ["apply"]],
  [console, ["log", "info", "warn", "error"]],
  [Array.prototype, [Symbol.iterator, "push", "shift", "map", "entries", "slice", "join"]],
  [String.prototype, ["slice", "split", "replaceAll"]],
  [performance, ["now"]],
  [Object.getPrototypeOf(performance) as object, ["now"]],
  [process.stdout, ["write"]],
  [process.stderr, ["write"]],
];
