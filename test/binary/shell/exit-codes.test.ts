// Each exit code that docs/cli.md has, by a command line that ends with it.
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";

import { exitCodes } from "../../../src/domain/errors.ts";
import { freshDatabase } from "../../database.ts";
import { openQueueCli } from "../queue-cli.ts";

const readers = [
  { to: "> /dev/full", code: exitCodes.output, says: "cannot write the output" },
  { to: ">&-", code: exitCodes.output, says: "standard output is closed" },
  { to: "| true", code: exitCodes.brokenPipe, says: "" },
];

const printing = [
  "results 1 --csv",
  "jobs 1",
  "post fn.ts#fn --each 1-9999 --no-check --dry-run",
  "run -q --each 1-3 -- 'echo {}; sleep 0.2'",
];

test.skipIf(!existsSync("/dev/full"))(
  "lost output never exits with 0: full disk, closed stdout, a reader that has gone",
  async () => {
    await using db = await freshDatabase();
    using cli = await openQueueCli(db);
    await cli.post([1]);
    const runs = readers.flatMap((reader) => printing.map((command) => ({ ...reader, command })));
    const ends = runs.map(async ({ to, says, command }) => {
      const script = `"$0" ${command} ${to}; echo "\${PIPESTATUS[0]}" >&2`;
      const shell = Bun.spawn(["bash", "-c", script, ...cli.command], {
        ...{ env: cli.env, cwd: cli.folder, stdout: "ignore", stderr: "pipe" },
      });
      const said = await shell.stderr.text();
      expect(said).toContain(says);
      return `${command} ${to}: ${said.trimEnd().split("\n").at(-1)}`;
    });
    expect(await Promise.all(ends)).toEqual(
      runs.map(({ command, to, code }) => `${command} ${to}: ${code}`),
    );
    const [open] = await db.sql`select count(*)::int as n from pdoflow.posting where id > 1
                                and state = 'open'`;
    expect(open?.["n"]).toBe(0); // a run cancels jobs whose output nobody will read
  },
  60_000,
);

test("errors keep their names in the binary, whose code is minified", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await db.sql.unsafe(`create function public.refuse() returns trigger language plpgsql as $$
    begin raise exception 'no' using errcode = '22012'; end $$;
    create trigger refuse before insert on pdoflow.posting execute function public.refuse()`);
  const { code, err } = await cli.run("post", "fn.ts#fn", "--each", "1", "--no-check");
  expect(code).toBe(exitCodes.bug);
  expect(err).toContain("\nPostgresError: no (22012)\n");
});
