import { setTimeout as sleep } from "node:timers/promises";

import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import {
  deleteVariable,
  readVariable,
  readVariables,
  swapVariable,
  writeVariable,
} from "../../db/read/variables.ts";
import { parse } from "../../domain/parse.ts";
import { decodeValue, encodeValue } from "../../job/values.ts";
import { type Connection, connectionTo } from "../connection/connection.ts";
import type { ValueOptions } from "./value.ts";
import type { SharedValue } from "./variables.ts";

const Options = v.strictObject({ db: v.optional(v.string("expected the URL of a database")) });
const Name = v.pipe(
  v.string("expected a text"),
  v.check((name) => name.trim() !== "" && !name.includes("\0"), "expected some characters"),
);

/** The maximum delay before the next try of an update that came too late. */
const longestWaitMs = 20;

interface Found {
  value: unknown;
}

/** A variable of the database. */
export class StoredValue {
  readonly #name: string;
  readonly #connection: Connection;

  constructor(name: string, options: ValueOptions) {
    this.#name = parse(Name, name, "the name of a value");
    this.#connection = connectionTo(parse(Options, options, "options of Value").db);
  }

  /** Undefined if it is not set. */
  async read(): Promise<Found | undefined> {
    return decode(await this.#use((db) => readVariable(db, this.#name)));
  }

  async write(value: unknown): Promise<void> {
    const text = encodeValue(value);
    await this.#use((db) => writeVariable(db, this.#name, text));
  }

  async update<T>(change: (found: Found | undefined) => T): Promise<T> {
    for (;;) {
      const old = await this.#use((db) => readVariable(db, this.#name));
      const changed = change(decode(old));
      const next = { old, value: encodeValue(changed) };
      if (await this.#use((db) => swapVariable(db, this.#name, next))) return changed;
      // Other updates were faster, and at least one of them has succeeded.
      await sleep(Math.random() * longestWaitMs);
    }
  }

  delete(): Promise<boolean> {
    return this.#use((db) => deleteVariable(db, this.#name));
  }

  #use<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return this.#connection.use(({ posting }) => work(posting));
  }
}

const decode = (text: string | null): Found | undefined =>
  text === null ? undefined : { value: decodeValue(text) };

/** All variables that the role can read. */
export async function readAll(options: ValueOptions): Promise<SharedValue[]> {
  const { db: url } = parse(Options, options, "options of variables");
  const rows = await connectionTo(url).use(({ posting }) => readVariables(posting, null));
  return rows.map(({ name, value, updatedAt }) => ({ name, value: decodeValue(value), updatedAt }));
}
