import { expect, test } from "bun:test";
import { dirname, join } from "node:path";

import { binary } from "../../binary.ts";
import { freshDatabase } from "../../database.ts";
import { openCli } from "../cli.ts";

const guide = await Bun.file(join(import.meta.dir, "../../../docs/posting.md")).text();
const blocks = [...guide.matchAll(/^```(\w*(?: run)?)\n(.*?)^```$/gms)].map(
  ([, language, text = ""]) => ({
    language,
    text,
  }),
);
const source = blocks.find(({ language }) => language === "ts")?.text ?? "";
const examples = blocks.flatMap(({ language, text }, at) =>
  language === "sh run" ? [{ script: text, printed: blocks[at + 1]?.text ?? "" }] : [],
);

test.each(examples)("the guide has the output of $script", async ({ script, printed }) => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cli.write("fit.ts", source);
  const env = { ...cli.env, PATH: `${dirname(await binary())}:${cli.env["PATH"] ?? ""}` };
  const run = await Bun.$`sh -ec ${script}`.cwd(cli.folder).env(env).nothrow().quiet();
  expect(run.stderr.toString()).not.toContain("expected");
  expect(run.stdout.toString()).toBe(printed);
});

test("the guide has examples", () => expect(examples.length).toBeGreaterThan(3));
