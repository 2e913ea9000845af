import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { installedPages, referencePage } from "../../build/command-pages.ts";

const folder = mkdtempSync(join(tmpdir(), "pdoflow-pages-"));
for (const [path, text] of await installedPages()) await Bun.write(join(folder, path), text);
afterAll(() => rmSync(folder, { recursive: true }));

test("docs/cli.md is up to date (else run: npm run docs)", async () => {
  const page = Bun.file(join(import.meta.dir, "../../docs/cli.md"));
  expect(await page.text()).toBe(await referencePage());
});

const hasNot = (program: string) => Bun.which(program) === null;
const unless = (program: string) => (hasNot(program) ? ` (skipped: no ${program} here)` : "");

test.skipIf(hasNot("bash"))(`bash completes${unless("bash")}`, () => {
  const complete = (...words: string[]) => {
    const script = `source ${join(folder, "completions/pdoflow.bash")}
      COMP_WORDS=(pdoflow ${words.join(" ")}); COMP_CWORD=${words.length}
      _pdoflow; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = Bun.spawnSync(["bash", "--norc", "-c", script]);
    expect(stderr.toString()).toBe("");
    return stdout.toString().trim().split("\n");
  };
  expect(complete("stat")).toEqual(["status"]);
  expect(complete("vars", "s")).toEqual(["set"]);
  expect(complete("post", "--no-c")).toEqual(["--no-check"]);
  expect(complete("list", "--color", "al")).toEqual(["always"]);
  expect(complete("list", "--state", "f")).toEqual(["finished"]);
  expect(complete("post", "--output", "f")).toEqual(["failures"]);
  expect(complete("post", "--format", "j")).toEqual(["json"]);
  expect(complete("completions", "f")).toEqual(["fish"]);
});

test.skipIf(hasNot("fish"))(`fish completes${unless("fish")}`, () => {
  const complete = (line: string) => {
    const file = join(folder, "completions/pdoflow.fish");
    const command = ["fish", "--no-config", "-c", `source ${file}; complete -C '${line}'`];
    const { stdout } = Bun.spawnSync(command);
    return stdout
      .toString()
      .split("\n")
      .map((each) => each.split("\t")[0]);
  };
  expect(complete("pdoflow stat")).toContain("status");
  expect(complete("pdoflow vars s")).toContain("set");
  expect(complete("pdoflow post --prio")).toContain("--priority");
  expect(complete("pdoflow jobs 1 --state r")).toEqual(["retrying", "running", ""]);
});

test.skipIf(hasNot("zsh"))(`zsh completes${unless("zsh")}`, async () => {
  let screen = "";
  const shown = Promise.withResolvers<void>();
  const shell = Bun.spawn(["zsh", "-f", "-i"], {
    env: { TERM: "dumb", PATH: process.env["PATH"], PS1: "> " },
    terminal: {
      cols: 200,
      rows: 50,
      data: (_terminal, bytes) => {
        screen += new TextDecoder().decode(bytes);
        if (screen.includes("RAN:status --database")) shown.resolve();
      },
    },
  });
  const file = join(folder, "completions/pdoflow.zsh");
  shell.terminal?.write(`autoload -Uz compinit; compinit -u -D; source ${file}\n`);
  shell.terminal?.write("pdoflow() { print R''AN:$*; }\n");
  shell.terminal?.write("pdoflow statu\t--datab\t\n");
  await Promise.race([shown.promise, shell.exited]);
  expect(screen).toContain("RAN:status --database");
  shell.kill("SIGKILL");
  await shell.exited;
});

test("the manual describes shared options once", async () => {
  const text = await Bun.file(join(folder, "man/pdoflow.1")).text();
  const count = (option: string) => text.split(`\n.B ${option.replaceAll("-", "\\-")}`).length - 1;
  expect(count("--database URL")).toBe(1);
  expect(count("--each-line")).toBe(1);
  expect(count("--halt")).toBe(1);
  expect(text).toContain("\nFor its other options see OPTIONS OF POST AND RUN.\n");
  expect(text).toContain("\n.SH OPTIONS OF POST AND RUN\n");
});

test.skipIf(hasNot("mandoc"))(`the manual is well-formed${unless("mandoc")}`, () => {
  const page = join(folder, "man/pdoflow.1");
  const { stdout } = Bun.spawnSync(["mandoc", "-T", "lint", "-W", "error", page]);
  expect(stdout.toString()).toBe("");
});
