import { expect, test } from "bun:test";
import { join } from "node:path";

import { Value, variables } from "../../../src/index.ts";
import { freshDatabase } from "../../database.ts";

const nameOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof Error ? error.name : "?"),
  );

test("a value is its initial one until it is set, and again when it is forgotten", async () => {
  await using database = await freshDatabase();
  const value = new Value<unknown>("a name with spaces", Infinity, { db: database.url });
  expect(await value.get()).toBe(Infinity);
  for (const each of [1, "text", null, NaN, new Map([["a", new Date(0)]]), undefined]) {
    await value.set(each);
    expect(await value.get()).toEqual(each);
  }
  expect([await value.delete(), await value.delete()]).toEqual([true, false]);
  expect(await value.get()).toBe(Infinity);
});

test("variables lists all by name, with their decoded values", async () => {
  await using database = await freshDatabase();
  const db = database.url;
  expect(await variables({ db })).toEqual([]);
  await new Value<unknown>("b", 0, { db }).set(new Map([["a", NaN]]));
  await new Value<unknown>("a", 0, { db }).set("text");
  expect(await variables({ db })).toEqual([
    { name: "a", value: "text", updatedAt: expect.any(Date) },
    { name: "b", value: new Map([["a", NaN]]), updatedAt: expect.any(Date) },
  ]);
  // @ts-expect-error: as in a plain JavaScript program
  expect(await nameOf(variables({ url: db }))).toBe("InvalidInput");
});

test("no concurrent change is lost, from this process or another", async () => {
  await using database = await freshDatabase();
  const script = `
    import { Value } from ${JSON.stringify(join(import.meta.dir, "../../../src/index.ts"))};
    const count = new Value("count", 0);
    await Promise.all(Array.from({ length: 50 }, () => count.update((n) => n + 1)));`;
  const env = { PDOFLOW_DATABASE_URL: database.url };
  const others = [1, 2].map(() => Bun.spawn([process.execPath, "-e", script], { env }));
  const count = new Value("count", 0, { db: database.url });
  const own = await Promise.all(Array.from({ length: 50 }, () => count.update((n) => n + 1)));
  expect(await Promise.all(others.map(({ exited }) => exited))).toEqual([0, 0]);
  expect(new Set(own).size).toBe(50);
  expect(await count.get()).toBe(150);
});

test("an update that was overtaken is applied again to the newer value", async () => {
  await using database = await freshDatabase();
  const value = new Value("list", ["a"], { db: database.url });
  let overtaking: Promise<void> | undefined;
  const updated = await value.update((list) => {
    overtaking ??= value.set(["b"]);
    return [...list, "c"];
  });
  await overtaking;
  // Whichever came last had seen the other: ["a", "c"] would be a loss.
  expect([["b"], ["b", "c"]]).toContainEqual(await value.get());
  expect(updated.at(-1)).toBe("c");
});

test("a value that cannot be shared is refused, and an update that throws sets nothing", async () => {
  await using database = await freshDatabase();
  const value = new Value<unknown>("x", 1, { db: database.url });
  expect(await nameOf(value.set(() => 1))).toBe("UnencodableValue");
  expect(await nameOf(value.update(async () => 1))).toBe("UnencodableValue");
  const broken = () => {
    throw new RangeError("no");
  };
  expect(await nameOf(value.update(broken))).toBe("RangeError");
  expect(await nameOf(new Value(" ", 1, { db: database.url }).get())).toBe("InvalidInput");
  // @ts-expect-error: as in a plain JavaScript program
  expect(await nameOf(new Value("x", 1, { url: database.url }).get())).toBe("InvalidInput");
  expect(await database.sql`select from pdoflow.variable`).toHaveLength(0);
});
