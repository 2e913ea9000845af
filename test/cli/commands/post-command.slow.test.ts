import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentOf } from "./json.ts";
import { openCommands } from "../in-process.ts";
import { openSigning } from "../../pool/trust/signing.ts";

test("a pool with --commands runs a posted command, and its output is kept", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const post = await cli.run("post", "--", "echo {} by $PDOFLOW_SLOT", ":::", "a b", "1.50");
  expect(post).toMatchObject({ code: 0, out: "1\n" });
  expect((await cli.run("pool", "--commands", "--once", "-j1")).code).toBe(0);
  expect((await cli.run("logs", "1")).out).toMatch(/a b by 1\n[^]*1\.50 by 1\n/);
});

test("a pool without --commands leaves it, and explain names the remedy", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.runWith({ input: "hit\n" }, "post", "touch", "{}");
  const pool = await cli.run("pool", "--once", "-j1");
  expect(pool).toMatchObject({ code: 0, err: expect.stringContaining("0 done, 0 failed") });
  const why = await cli.run("explain", "1");
  expect(why.out).toContain("no pool is running; start one with: pdoflow pool --commands");
  expect(await Bun.file(`${cli.folder}/hit`).exists()).toBe(false);
});

test("a command that begins with no program is refused, because it may be a mistyped function", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("fit.ts", "export const fit = () => 1;");
  const refused = async (...args: string[]) => {
    const { code, out, err } = await cli.run(...args);
    expect({ code, out }).toEqual({ code: 4, out: "" });
    return err;
  };
  const missing = 'there is no program "nosuch" on this machine. A function is named as in';
  expect(await refused("post", "nosuch", "--each", "1-9")).toContain(missing);
  expect(await refused("run", "nosuch", "{}", ":::", "1")).toContain(missing);
  const module = "To name a function of fit.ts: fit.ts#NAME.";
  expect(await refused("post", "fit", "--each", "1-9")).toContain(module);
  expect(await refused("post", "./fit", ":::", "1")).toContain("fit.ts#NAME");
  expect((await cli.run("post", "--no-check", "nosuch", "{}", ":::", "1")).out).toBe("1\n");
  expect((await cli.run("post", "cd {} && ls", ":::", "1")).out).toBe("2\n");
});

test("a command that was posted without its need is refused by a pool without --commands", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await db.sql`select pdoflow.post('pdoflow/shell#command', '[["touch", "hit"]]')`;
  const pool = await cli.run("pool", "--once", "-j1");
  expect(pool.code).toBe(1);
  expect(pool.err).toContain("start it with --commands");
  expect(await Bun.file(`${cli.folder}/hit`).exists()).toBe(false);
});

test("--allow must match commands too", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.run("post", "touch", "{}", ":::", "hit");
  const pool = ["pool", "--commands", "--once", "-j1", "--allow", "jobs/**#*"];
  const refused = await cli.run(...pool);
  expect(refused.code).toBe(2);
  expect(refused.err).toContain("add --allow 'pdoflow/shell#command'");
  expect((await cli.run(...pool, "--allow", "pdoflow/shell#command")).code).toBe(0);
  expect(await Bun.file(`${cli.folder}/hit`).exists()).toBe(true);
});

test("a pool with --trust runs a signed command and refuses any other", async () => {
  await using db = await freshDatabase();
  using cli = await openSigning(db);
  await cli.run("post", "--sign", "ann.key", "touch", "{}", ":::", "signed");
  await cli.run("post", "touch", "{}", ":::", "unsigned");
  await cli.run("pool", "--commands", "--once", "-j1", "--trust", "keys.d");
  expect(await Bun.file(`${cli.folder}/signed`).exists()).toBe(true);
  expect(await Bun.file(`${cli.folder}/unsigned`).exists()).toBe(false);
});

test("lists show the command line, and JSON has both", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.run("post", "gzip", "-9", "{}", ":::", "a", "b");
  for (const list of ["list", "status"]) {
    const { out } = await cli.run(list);
    expect(out).toContain("gzip -9 {}");
    expect(out).not.toContain("pdoflow/shell");
  }
  const { postings } = documentOf("list", (await cli.run("list", "--json")).out);
  expect(postings[0]).toMatchObject({ command: "gzip -9 {}", entryPoint: "pdoflow/shell#command" });
});

test("--dry-run prints every command as a line for a shell, and posts nothing", async () => {
  using cli = await openCommands(null);
  for (const command of ["run", "post"]) {
    const dry = await cli.run(command, "--dry-run", "cp", "{}", "{.}.{%}", ":::", "a b.c", "d");
    expect(dry).toMatchObject({ code: 0, out: "cp 'a b.c' 'a b.{%}'\ncp d 'd.{%}'\n" });
  }
});

test("-0 reads texts between NUL characters, with line breaks", async () => {
  using cli = await openCommands(null);
  const input = "a\nb\0c\r\0";
  const { out } = await cli.runWith({ input }, "post", "-0", "--dry-run", "a.ts#f", "--no-check");
  expect(out).toBe('a.ts#f("a\\nb")\na.ts#f("c\\r")\n');
});

test("--link pairs the lists, and a shorter one begins again", async () => {
  using cli = await openCommands(null);
  const dry = ["run", "--dry-run", "echo", "{1}{2}"];
  expect((await cli.run(...dry, ":::", "a", "b", "c", ":::+", "1", "2")).out).toBe(
    "echo a1\necho b2\necho c1\n",
  );
  const linked = ["run", "--dry-run", "--link", "--each", "1-2", "-", "--", "echo", "{1}{2}"];
  expect((await cli.runWith({ input: "a\nb\nc\n" }, ...linked)).out).toBe(
    "echo a1\necho b2\necho c1\n",
  );
});

test("the slot of a command is free for it alone", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const script = "mkdir lock-{%} && sleep 0.05 && rmdir lock-{%} && echo {%}";
  const { code, out } = await cli.run("run", "-j2", "--", script, ":::", ...Array(8).fill("x"));
  expect(code).toBe(0);
  expect(new Set(out.trim().split("\n"))).toEqual(new Set(["1", "2"]));
});
