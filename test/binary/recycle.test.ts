import { expect, test } from "bun:test";

import { freshDatabase } from "../database.ts";
import { openCli } from "./cli.ts";

const input = JSON.stringify(Array.from({ length: 30 }, (_, i) => [i]));

test("--recycle-after: no worker runs many more jobs than that, and none is lost", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "pid.ts",
    `export async function pid() { await Bun.sleep(20); return process.pid; }`,
  );
  await cli.runWith({ input }, "post", "pid.ts#pid", "-");
  await cli.run("pool", "--once", "--max-workers", "1", "--recycle-after", "5");
  const rows = await db.sql`
    select result, count(*)::int as n from pdoflow.outcome where state = 'done' group by result`;
  expect(rows.length).toBeGreaterThan(3);
  expect(rows.reduce((sum, row) => sum + row["n"], 0)).toBe(30);
});

test("--recycle-above: a worker that leaks is replaced between two jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write(
    "leak.ts",
    `const kept: Uint8Array[] = [];
     export async function leak() {
       kept.push(new Uint8Array(30 << 20).fill(1));
       await Bun.sleep(60);
       return process.pid;
     }`,
  );
  await cli.runWith(
    { input: "[[],[],[],[],[],[],[],[],[],[],[],[]]" },
    "post",
    "leak.ts#leak",
    "-",
  );
  await cli.run("pool", "--once", "--max-workers", "1", "--recycle-above", "200M");
  const [row] = await db.sql`
    select count(*)::int as n, count(distinct result)::int as workers, max(attempt) as attempt
    from pdoflow.outcome where state = 'done'`;
  expect(row).toMatchObject({ n: 12, attempt: 1 });
  expect(row?.["workers"]).toBeGreaterThan(1);
});

test("--reload: the next posting runs the code as it is now, also of a file that it imports", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("dep.ts", `export const version = "old";`);
  await cli.write("fn.ts", `import { version } from "./dep.ts"; export const fn = () => version;`);
  const post = () => cli.runWith({ input: "[[],[],[]]" }, "post", "fn.ts#fn", "-");
  const pool = cli.start("pool", "--max-workers", "2", "--reload");
  const results = async (id: number) => {
    for (;;) {
      const [row] = await db.sql`select state from pdoflow.posting where id = ${id}`;
      if (row?.["state"] === "finished") break;
      await Bun.sleep(20);
    }
    const rows = await db.sql`select distinct result from pdoflow.outcome where posting_id = ${id}`;
    return rows.map(({ result }) => result);
  };
  await post();
  expect(await results(1)).toEqual(["old"]);
  await cli.write("dep.ts", `export const version = "new";`);
  await post();
  expect(await results(2)).toEqual(["new"]);
  pool.kill("SIGTERM");
  expect(await pool.exited).toBe(0);
});
