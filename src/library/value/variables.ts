import type { ValueOptions } from "./value.ts";

/** A value that programs share, as it is stored. */
export interface SharedValue {
  name: string;
  value: unknown;
  updatedAt: Date;
}

/**
 * The values that the role can read, by name: its own, and the queue's. `pdoflow vars list` prints
 * the same.
 *
 * @example for (const { name, value } of await variables()) console.log(name, value);
 */
export async function variables(options: ValueOptions = {}): Promise<SharedValue[]> {
  const { readAll } = await import("./stored-value.ts");
  return await readAll(options);
}
