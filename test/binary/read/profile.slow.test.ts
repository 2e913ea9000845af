import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";
import { documentOf } from "../../cli/commands/json.ts";

const code = `
function burn(ms: number) { const end = performance.now() + ms; let x = 0; while (performance.now() < end) x += Math.sqrt(x + 1); return x; }
function fit(ms: number) { const x = burn(ms); return x + 1; } // a call in the end has no frame
export function hot(ms: number) { const x = fit(ms); return x + 1; }
`;

test("a pool samples where jobs spend their time, and profile writes it as two files", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("hot.ts", code);
  const post = () =>
    cli.runWith({ input: "[[60],[60],[60],[60]]" }, "post", "hot.ts#hot", "-", "--no-check");
  await post();
  const drain = (...args: string[]) => cli.run("pool", "--once", "--max-workers", "2", ...args);
  expect(await drain()).toMatchObject({ code: 0 }); // without being asked none is sampled
  expect(await cli.run("profile", "1")).toMatchObject({
    code: 4,
    err: expect.stringContaining("Start the pool with --profile"),
  });
  await post();
  expect(await drain("--profile=100%")).toMatchObject({ code: 0 });
  const { code: exit, out } = await cli.run("profile", "2", "--json");
  expect(exit).toBe(0);
  const { jobs, samples, files } = documentOf("profile", out);
  expect(jobs).toBe(4);
  expect(samples).toBeGreaterThan(20); // of 240 ms; fewer if others use the CPU
  const svg = readFileSync(files.svg, "utf8");
  for (const name of ["hot hot.ts", "fit hot.ts", "burn hot.ts"]) expect(svg).toContain(name);
  expect(svg).not.toContain("bunfs"); // nothing of the worker's own
  const { shared } = JSON.parse(readFileSync(files.speedscope, "utf8"));
  expect(shared.frames.length).toBeGreaterThanOrEqual(3);
  const [total] = await db.sql`
    select sum(value::int) as all, sum(value::int) filter (where key ~ '^hot [^\\n]*\\nfit ') as right
    from pdoflow.profile, jsonb_each_text(stacks)`;
  expect(total?.["right"] / total?.["all"]).toBeGreaterThan(0.8);
});
