import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";

test("explain says why a job is not running, and how it ended", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "fn.ts",
    `export function fn(i: number) { if (i === 1) throw new RangeError("too far"); return i; }`,
  );
  const post = (...args: string[]) =>
    cli.runWith({ input: "[[0],[1]]" }, "post", "fn.ts#fn", "-", ...args);
  const explain = async (job: string) => (await cli.run("explain", job)).out;
  await post("--max-attempts", "1");
  expect(await explain("1/0")).toBe(
    "1/0 waits because no pool is up; start one with: pdoflow pool.\n",
  );
  await cli.run("pause", "1", "--reason", "lunch");
  expect(await explain("1/0")).toContain("its posting is paused (lunch)");
  await cli.run("resume", "1");
  await cli.run("pool", "--once", "--max-workers", "1");
  expect(await explain("1/0")).toBe("1/0 is done, after 1 attempt.\n");
  expect(await explain("1/1")).toMatch(
    /^1\/1 has failed for good after 1 attempt; its last .* failed on \S+: RangeError: too far/,
  );
  await post("--needs", "gpu");
  await db.sql`update pdoflow.pool set state = 'up', beat_at = now() + interval '1 hour'`;
  expect(await explain("2/0")).toBe("2/0 waits because no pool provides gpu (1 pool seen).\n");
  await post("--priority", "5");
  await post();
  expect(await explain("4/0")).toBe("4/0 waits behind 2 jobs of higher priority.\n");
  expect(await cli.run("explain", "9/9")).toMatchObject({ code: 4 });
  expect(await cli.run("explain", "nine")).toMatchObject({ code: 2 });
});
