import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { openProxy } from "../../proxy.ts";
import { until } from "../cli.ts";
import { emulated, keys } from "./emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test("a done job shows its result, running jobs come first, and a pool opens with its jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.write(
    "long.ts",
    `export async function long(i: number) {
      if (i === 199) await new Promise((resolve) => setTimeout(resolve, 600_000));
      return { twice: 2 * i };
    }`,
  );
  const input = JSON.stringify(numbers(200).map((i) => [i]));
  const posted = await cli.runWith({ input }, "post", "long.ts#long", "-", "--no-check");
  expect(posted).toMatchObject({ code: 0 });
  const id = Number(posted.out);
  const pool = cli.start("pool", "--max-workers", "1");
  await using top = emulated([...cli.command, "top", "--delay", "0.5"], {
    ...{ env: cli.env, cwd: cli.folder, columns: 110 },
  });
  await top.shows(/long\.ts#long.*9\d%.*running/);
  top.type(keys.enter);
  await top.shows(new RegExp(`▸ ${id}/199 .*running[^\n]*\n +${id}/0 .*done`));
  top.type(`j${keys.enter}`);
  await top.shows(/result\s+\{"twice":0\}/);
  top.type(`2${keys.enter}`);
  await top.shows(new RegExp(`${id}/199 +attempt 1 +long\\.ts#long`));
  top.type("q");
  expect(await top.exited).toBe(0);
  pool.kill("SIGKILL");
});

test("top of an empty queue says how to post", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("pdoflow post fn.ts#name args.json");
});

test("the jobs of a posting are paged by their index, forwards and back", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(400), "fn.ts#quick");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("fn.ts#quick");
  top.type(keys.enter);
  await top.shows(`${id}/0 `);
  for (let page = 0; page < 3; page++) top.type("\u001b[6~");
  await top.shows(`${id}/31 `);
  top.type("g");
  await top.shows(`${id}/0 `);
  top.type("G");
  await top.shows(`${id}/399 `);
  top.type("k".repeat(30));
  await top.shows(`▸ ${id}/369 `);
});

test("a screen is saved to a file, and an id goes to the clipboard", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  const id = await cli.post(numbers(2), "fn.ts#quick", "--name", "kept");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("kept");
  top.type("S");
  await top.shows("saved to pdoflow-top-1.txt");
  expect(readFileSync(join(cli.folder, "pdoflow-top-1.txt"), "utf8")).toContain("kept");
  top.type("y");
  await top.shows(`Copied: ${id}`);
  expect(top.sent()).toContain(`\u001b]52;c;${Buffer.from(String(id)).toString("base64")}\u0007`);
});

test("the server goes and comes back: a banner shows the age of the data", async () => {
  await using db = await freshDatabase();
  await using proxy = await openProxy(db.url);
  using cli = await openQueueCli({ ...db, url: proxy.url });
  await cli.post(numbers(2), "fn.ts#quick", "--name", "here");
  await using top = emulated([...cli.command, "top", "--delay", "0.5"], {
    env: cli.env,
    cwd: cli.folder,
  });
  await top.shows("here");
  proxy.freeze();
  await top.shows(/STALE: this is [\d.]+s old .*does not answer/);
  await top.shows("here");
  proxy.thaw();
  await top.hides("STALE");
  proxy.freeze();
  await top.shows("STALE");
  const askedAt = performance.now();
  top.type("q");
  expect(await top.exited).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(3_000); // no server keeps anybody
});

test("Ctrl-L redraws everything, and many resizes end with a whole screen", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post(numbers(2), "fn.ts#quick", "--name", "steady");
  await using top = emulated([...cli.command, "top"], { env: cli.env, cwd: cli.folder });
  await top.shows("steady");
  for (let i = 0; i < 40; i++) top.resize(30 + ((i * 37) % 200), 6 + ((i * 13) % 60));
  top.resize(20, 4);
  await top.shows("needs 30x6");
  top.resize(80, 24);
  await top.shows(/steady/);
  await top.shows("q quit");
  expect(existsSync(cli.folder)).toBe(true);
  await until("the title on the first row", () =>
    Promise.resolve(top.rows()[0]?.startsWith("pdoflow top")),
  );
});
