import { describe, expect, test } from "bun:test";

import {
  connect,
  DatabaseRefused,
  DatabaseUnavailable,
  explainDatabaseError,
  isConnectionLoss,
  isRefusal,
  isWorthAnotherTry,
} from "../../../src/db/connection/connect.ts";
import { markListening } from "../../../src/db/engine/pools.ts";
import type { Target } from "../../../src/db/settings/target.ts";
import { newPool, postJobs, queueOfFile } from "../engine.ts";
import { until } from "../locks.ts";

const freshQueue = queueOfFile();

/** The error with which `act` fails, as it is explained. */
async function explained(act: PromiseLike<unknown>, target: Target): Promise<Error> {
  try {
    await act;
  } catch (error) {
    const told = explainDatabaseError(error, target);
    if (told instanceof Error) return told;
  }
  throw new Error("expected an error");
}

/** False if the connection was lost, true if the statement was executed. */
async function isAccepted(statement: PromiseLike<unknown>): Promise<boolean> {
  try {
    await statement;
    return true;
  } catch (error) {
    if (isConnectionLoss(error)) return false;
    throw error;
  }
}

describe("rows", () => {
  test("identifiers come as numbers, and columns in camelCase", async () => {
    await using db = await freshQueue();
    const [row] = await db.sql`select (2::bigint ^ 53 - 1)::bigint as large_id, true as is_it`;
    expect(row).toEqual({ largeId: 2 ** 53 - 1, isIt: true });
  });

  test("keys inside of jsonb are the user's, and stay as they are", async () => {
    await using db = await freshQueue();
    const value = { snake_case: [{ inner_key: 1 }], camelCase: null };
    const [row] = await db.sql`select ${db.sql.json(value)} as some_value`;
    expect(row).toEqual({ someValue: value });
  });
});

describe("errors are explained", () => {
  const password = "s3cret";

  test.each<[string, Partial<Target>, RegExp]>([
    ["nothing listens", { host: "127.0.0.1", port: 1 }, /127\.0\.0\.1:1 .*nothing listens there/],
    ["there is no socket", { host: "/nowhere" }, /socket \/nowhere .*there is no socket/],
    ["no such host", { host: "nowhere.invalid" }, /nowhere\.invalid.*(not known|looked up)/],
    ["no such database", { database: "no_such" }, /database no_such .*there is no such database/],
    ["no such role", { user: "no_such" }, /as no_such .*does not accept this role/],
  ])("%s, and no password is printed", async (_, wrong, message) => {
    await using db = await freshQueue();
    await using other = connect({ ...db.target, password, ...wrong }, { connections: 1 });
    const error = await explained(other.sql`select 1`, other.target);
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(error.message).toMatch(message);
    expect(Bun.inspect(error)).not.toContain(password);
  });

  test("a role without rights is refused", async () => {
    await using db = await freshQueue();
    const user = `pdoflow_test_${crypto.randomUUID().replaceAll("-", "")}`;
    await db.sql`create role ${db.sql(user)}`;
    try {
      await using other = connect(db.target, { connections: 1 });
      await other.sql`set role ${other.sql(user)}`;
      const error = await explained(other.sql`select from pdoflow.job`, other.target);
      expect(error).toBeInstanceOf(DatabaseRefused);
      expect(error.message).toContain("permission denied for schema pdoflow: the role");
      expect(error.message).toContain("as KIND, where KIND is poster, viewer, operator or pool.");
    } finally {
      await db.sql`drop role ${db.sql(user)}`;
    }
  });

  test("errors that users cannot fix are passed on unchanged", async () => {
    await using db = await freshQueue();
    const error = await explained(db.sql`select 1 / 0`, db.target);
    expect(error.message).toBe("division by zero");
    expect(isConnectionLoss(error)).toBe(false);
  });
});

describe("a connection that is lost", () => {
  test("is reported as lost, and statements work again on a new one", async () => {
    await using db = await freshQueue();
    await using other = connect(db.target, { connections: 1 });
    const [row] = await other.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const lost = explained(other.sql`select pg_sleep(60)`, db.target);
    const isRunning = async () =>
      (await db.sql`select from pg_stat_activity where pid = ${row?.pid ?? 0} and state = 'active'`)
        .length > 0;
    await until("the statement runs", isRunning);
    await db.sql`select pg_terminate_backend(${row?.pid ?? 0})`;
    const error = await lost;
    expect(error).toBeInstanceOf(DatabaseUnavailable);
    expect(isConnectionLoss(error.cause)).toBe(true);
    // Not at once: postgres.js rejects the next statement too, unsent, with the server's farewell.
    await until("statements work again", () => isAccepted(other.sql`select 1`));
  });

  test.each([
    "ECONNRESET",
    "CONNECTION_CLOSED",
    "CONNECTION_DESTROYED",
    "ERR_SSL_BAD_RECORD",
    "08006",
    "57P01",
  ])("%s is one", (code) =>
    expect(isConnectionLoss(Object.assign(new Error("x"), { code }))).toBe(true),
  );

  test.each(["23505", "40P01", "UNDEFINED_VALUE"])("%s is none", (code) =>
    expect(isConnectionLoss(Object.assign(new Error("x"), { code }))).toBe(false),
  );
});

test("a fault of a program (ERR_…) is none", () =>
  expect(isConnectionLoss(Object.assign(new Error("x"), { code: "ERR_INVALID_ARG_TYPE" }))).toBe(
    false,
  ));

describe("a statement that a migration has overtaken", () => {
  const lookup = (message: string) => Object.assign(new Error(message), { code: "XX000" });

  test.each([
    ["a function that was replaced", lookup("cache lookup failed for function 4711"), true],
    [
      "a result with other columns, in any language",
      Object.assign(new Error("x"), { code: "0A000", routine: "RevalidateCachedQuery" }),
      true,
    ],
    ["another internal error", lookup("invalid memory alloc request size"), false],
  ])("%s: is sent again, and is no fault of its values", (_, error, isOvertaken) => {
    expect(isWorthAnotherTry(error)).toBe(isOvertaken);
    expect(isRefusal(error)).toBe(!isOvertaken);
  });

  test("a prepared statement whose columns have changed is sent again", async () => {
    await using db = await freshQueue();
    await using one = connect(db.target, { connections: 1 });
    const read = () => one.sql`select * from pdoflow.migration`;
    await read();
    await read();
    await db.sql`alter table pdoflow.migration add column more text`;
    expect(Object.keys((await read())[0] ?? {})).toContain("more");
  });
});

test("notifications of both channels come over the connection that works", async () => {
  await using db = await freshQueue();
  const told: string[] = [];
  const onNotify = (channel: string, payload: string) => told.push(`${channel} ${payload}`);
  await using listener = connect(db.target, { connections: 1, onNotify });
  await listener.sql`select pdoflow.listen()`;
  await markListening(db, await newPool(db));
  const id = await postJobs(db, 1);
  const [posting] = await db.sql`select route_id from pdoflow.posting where id = ${id}`;
  await db.sql`select pdoflow.cancel(array[${id}::bigint], true, 'why')`;
  await until("both are notified", () => told.length === 2);
  expect(told).toEqual([`pdoflow.posted ${id} 1 ${posting?.["routeId"]}`, `pdoflow.changed ${id}`]);
});

test("closing lets statements that run come to their end", async () => {
  await using db = await freshQueue();
  const other = connect(db.target, { connections: 1 });
  const statement = other.sql`select pg_sleep(0.05), 1 as one`.execute();
  await other.close();
  expect(await statement).toMatchObject([{ one: 1 }]);
});
