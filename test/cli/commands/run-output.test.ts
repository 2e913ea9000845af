import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";
import { documentsOf } from "./json.ts";

/** Every byte value, repeated until there are `size` bytes. */
const allBytes = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => i % 256));

const all = async (parts: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(parts));

test("run prints every byte of a command's output, while the database keeps 64 KiB", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const bytes = allBytes(1024 * 1024 + 3);
  await Bun.write(`${cli.folder}/big`, bytes);
  const child = cli.start("run", "--output", "all", "--each", "1", "--", "cat big; cat big >&2; :");
  const [out, err] = await Promise.all([all(child.stdout), all(child.stderr)]);
  expect(await child.exited).toBe(0);
  expect(out.equals(bytes)).toBe(true);
  expect(err.includes(bytes)).toBe(true);
  const [kept] = await db.sql`select length(stdout) as size from pdoflow.outcome`;
  expect(kept?.["size"]).toBeLessThan(70_000);
});

test("with -k, outputs of several megabytes are whole and in order", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script = 'yes {} | head -c 3000000; [ {} != 1 ] || sleep 0.3; echo "end {}"';
  const { code, out } = await cli.run(
    "run",
    "-k",
    "--max-workers",
    "2",
    "--each",
    "1-6",
    "--",
    script,
  );
  expect(code).toBe(0);
  const whole = [1, 2, 3, 4, 5, 6].map((n) => `${`${n}\n`.repeat(1_500_000)}end ${n}\n`).join("");
  expect(out === whole).toBe(true);
});

test("--output none keeps nothing and still prints; a failed and a killed command too", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const options = ["--output", "none", "-k", "--timeout", "1s", "--grace", "100ms"];
  const script = "head -c 200000 /dev/zero; case {} in 2) exit 3;; 3) sleep 1000;; esac";
  const run = await cli.run("run", ...options, "--each", "1-3", "--", script);
  expect(run.code).toBe(1);
  expect(run.out.length).toBe(600_000);
  const kept = await db.sql`select stdout from pdoflow.outcome where stdout is not null`;
  expect(kept).toHaveLength(0);
});

test("run --json has the beginning and the end of long outputs, and goes on after them", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script = "echo begin {}; yes | head -c 3000000; echo end {}";
  const run = ["run", "--json", "--max-workers", "1", "--each", "1-3", "--timeout", "20s"];
  const { code, out } = await cli.run(...run, "--", script);
  expect(code).toBe(0);
  const jobs = documentsOf("run", out);
  expect(jobs).toHaveLength(3);
  for (const [index, { stdout }] of jobs.entries()) {
    expect(stdout).toStartWith(`begin ${index + 1}\n`);
    expect(stdout).toEndWith(`end ${index + 1}\n`);
    expect(stdout?.length).toBeLessThan(70_000);
  }
}, 60_000);
