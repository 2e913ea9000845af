import { describe, expect, test } from "bun:test";
import * as v from "valibot";

import { job, postWork } from "../../../src/index.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";
import { arkJob, lenientJob, point, slowJob, valibotJob, zodJob } from "./schemas.ts";
import { eachJob } from "../../db/each-job.ts";

const root = import.meta.dir;

async function countPostings({ sql }: TestDatabase): Promise<number> {
  const [row] = await sql`select count(*)::int as n from pdoflow.posting`;
  return row?.["n"];
}

const refused = async (posting: Promise<unknown>) =>
  await posting.then(
    () => "posted",
    (error: Error) => `${error.name}: ${error.message}`,
  );

describe("arguments that the schema refuses are not posted; the message names the job and the path", () => {
  test("valibot", async () => {
    await using db = await freshDatabase();
    const options = { root, db: db.url };
    const good = [1, { rate: "2026-01-01" }] as const;
    // @ts-expect-error a number is no day
    const bad = postWork(valibotJob, [good, good, [3, { rate: 5 }]], [], options);
    expect(await refused(bad)).toBe(
      "ArgumentsRefused: Job 2: the schema refuses its arguments: at [1].rate: Invalid type: " +
        "Expected string but received 5. Nothing was posted.",
    );
    expect(await countPostings(db)).toBe(0);
    await postWork(valibotJob, [good], [], options);
    const [row] = await db.sql`select args from ${db.sql.unsafe(eachJob)}`;
    expect(row?.["args"]).toEqual([1, { rate: "2026-01-01" }]); // the input, not the Date
  });

  test("zod, of the one argument, as list and as object", async () => {
    await using db = await freshDatabase();
    const options = { root, db: db.url };
    const told =
      "Job 0: the schema refuses its arguments: at deep.n: Invalid input: expected number";
    // @ts-expect-error a text is no number
    const one = postWork(zodJob, [[{ at: "b", deep: { n: "5" } }]], [], options);
    expect(await refused(one)).toContain(told);
    // @ts-expect-error the same
    const object = postWork(zodJob, [], [{ at: "b", deep: { n: "5" } }], options);
    expect(await refused(object)).toContain(told);
    expect(await countPostings(db)).toBe(0);
    const { jobCount } = await postWork(zodJob, [[point], [{ at: "x" }]], [], options);
    expect(jobCount).toBe(2);
  });

  test("arktype", async () => {
    await using db = await freshDatabase();
    const options = { root, db: db.url };
    const bad = postWork(arkJob, [[0, ["a"]]], [], options);
    expect(await refused(bad)).toMatch(/^ArgumentsRefused: Job 0: .* at \[0\]: .*positive/);
    // @ts-expect-error a text is no list of texts
    const noList = postWork(arkJob, [[1, "a"]], [], options);
    expect(await refused(noList)).toMatch(/at \[1\]: .*array/);
    // The types think of a last argument that kwargs would give.
    const tooShort = postWork(arkJob, [[1]], [], options);
    expect(await refused(tooShort)).toStartWith("ArgumentsRefused: Job 0");
    expect(await countPostings(db)).toBe(0);
    await postWork(arkJob, [[2, ["a", "b"]]], [], options);
  });

  test("with checks that take their time, in the middle of a stream", async () => {
    await using db = await freshDatabase();
    const options = { root, db: db.url };
    function* numbers() {
      for (let i = 1; i < 12_000; i++) yield [i === 11_000 ? -1 : i] as const;
    }
    const bad = await postWork(slowJob, numbers(), [], options).catch((error: unknown) => error);
    expect(bad).toMatchObject({
      ...{ name: "ArgumentsRefused", index: 10_999 },
      problems: [{ path: "[0]", message: "not positive" }],
    });
    expect(await countPostings(db)).toBe(0);
  });
});

test("a list is not taken for the one object that the schema is of", async () => {
  await using db = await freshDatabase();
  const options = { root, db: db.url };
  await postWork(lenientJob, [[{ a: 1 }], [{}]], [], options);
  // @ts-expect-error two arguments
  expect(await refused(postWork(lenientJob, [[{ a: 1 }, 2]], [], options))).toContain(
    "expected one argument, or a list of them",
  );
  // @ts-expect-error a text
  expect(await refused(postWork(lenientJob, [[{ a: "b" }]], [], options))).toContain("at a: ");
});

test("job refuses a value that is no schema, and a direct call is not checked", async () => {
  const fn = (n: number) => n;
  // @ts-expect-error no schema
  expect(() => job(fn, { args: { number: true } })).toThrow("expected args to be a schema");
  expect(arkJob(2, ["a"])).toBe("aa");
  const narrow = job((n: string) => n, { args: v.tuple([v.string()]) });
  // @ts-expect-error the function takes what the schema gives
  const wrong = () => job((n: number) => n, { args: v.tuple([v.string()]) });
  expect([narrow("a"), typeof wrong]).toEqual(["a", "function"]);
});

test("the function gets the schema's output type", async () => {
  await using db = await freshDatabase();
  const posting = await postWork(zodJob, [], [{ at: "x" }], { root, db: db.url });
  for await (const { result } of posting.results()) {
    const number: number | undefined = result;
    // @ts-expect-error it is a number
    const text: string | undefined = result;
    expect([number, text]).toEqual([undefined, undefined]);
  }
});
