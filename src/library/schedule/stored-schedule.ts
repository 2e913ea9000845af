import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import {
  deleteSchedule,
  pauseSchedule,
  readNextTimes,
  readSchedules,
  runSchedule,
} from "../../db/posting/schedules.ts";
import { findPostings } from "../../db/read/snapshot.ts";
import { ScheduleNotFound } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { type Connection, connectionTo } from "../connection/connection.ts";
import { Posting } from "../posting/posting.ts";

const Count = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000));

/** A schedule of a database. */
export class StoredSchedule<Result> {
  readonly #name: string;
  readonly #connection: Connection;

  constructor(name: string, url: string | undefined) {
    this.#name = parse(v.string("expected a text"), name, "the name of a schedule");
    this.#connection = connectionTo(url);
  }

  async next(count: number): Promise<Date[]> {
    const most = parse(Count, count, "the number of times");
    return await this.#use(async (db) => {
      const [found] = await readSchedules(db, this.#name);
      if (!found) throw new ScheduleNotFound(this.#name);
      return found.isPaused ? [] : await readNextTimes(db, found, most);
    });
  }

  async run(): Promise<Posting<Result> | null> {
    return await this.#use(async (db) => {
      const { postingId: id } = await runSchedule(db, this.#name);
      const [row] = id === null ? [] : await findPostings(db, [id]);
      return row ? new Posting<Result>(this.#connection, { ...row, isNew: true }) : null;
    });
  }

  pause(pauses: boolean): Promise<boolean> {
    return this.#use((db) => pauseSchedule(db, this.#name, pauses));
  }

  async delete(): Promise<void> {
    await this.#use((db) => deleteSchedule(db, this.#name));
  }

  #use<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return this.#connection.use(({ posting }) => work(posting));
  }
}
