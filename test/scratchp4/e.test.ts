import { test } from "bun:test";
import { freshDatabase } from "../database.ts";
import { appendFileSync } from "node:fs";
test("hold", async () => { await using db = await freshDatabase(); appendFileSync("/tmp/pq/held", `${process.pid}\n`); await Bun.sleep(20000); });
