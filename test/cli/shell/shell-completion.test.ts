// Shells on a terminal, because only their line editors replace the word that is completed.
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { join } from "node:path";

import { completionScript, type Shell } from "../../../src/cli/shell/completion-scripts.ts";
import { allCommandTexts } from "../../../src/cli/shell/reference.ts";
import { commands } from "../../../src/cli/commands.ts";
import { openCommands } from "../in-process.ts";

const testIn = (shell: Shell) => {
  const hasShell = Bun.which(shell) !== null;
  const note = hasShell ? "" : ` (skipped: no ${shell} here)`;
  return (name: string, work: () => Promise<void>) => test.skipIf(!hasShell)(name + note, work);
};

/** Prints the candidates of `pdoflow completions`, and the command lines that are entered. */
const fakePdoflow = String.raw`#!/bin/sh
case "$1 $2 $3" in
  "completions postings ") printf '2\tx\n@nightly\tx\n@a$(touch made)\tx\n' ;;
  "completions pools ") printf '7\tx\nnode17\tx\n' ;;
  "completions flows ") printf '7\tx\n@night\tx\n' ;;
  "completions groups 42") printf '3f2a91bc\tx\n' ;;
  "completions groups last") printf '77aabbcc\tx\n' ;;
  "completions exports "*) printf '%s#alpha\n%s#beta\n' "${"${3%#*}"}" "${"${3%#*}"}" ;;
  *) echo "RAN:$*." ;;
esac
`;

/** A folder with code, data, and the script of a shell. */
async function folderFor(shell: Shell) {
  const cli = await openCommands(null);
  await cli.write("lib/f.ts", "export const alpha = 1;");
  await cli.write("data.json", "[]");
  await cli.write("script", completionScript(shell, await allCommandTexts(commands)));
  await cli.write("bin/pdoflow", fakePdoflow);
  await chmod(join(cli.folder, "bin/pdoflow"), 0o755);
  return cli;
}

const environmentOf = (folder: string) => ({
  PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
  HOME: folder,
});

/** Types lines after `pdoflow `, and returns the words with which it was called for each. */
async function typed(shell: string[], folder: string, begin: string, lines: readonly string[]) {
  let screen = "";
  const shown = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const child = Bun.spawn(shell, {
    cwd: folder,
    env: { ...environmentOf(folder), TERM: "dumb", PS1: "> ", INPUTRC: "/dev/null" },
    terminal: {
      cols: 200,
      rows: 50,
      data: (_terminal, bytes) => {
        screen += new TextDecoder().decode(bytes);
        if (screen.includes("RAN:ready.")) ready.resolve();
        if (screen.includes("RAN:done.")) shown.resolve();
      },
    },
  });
  child.terminal?.write(`${begin}; source ./script; pdoflow ready\n`);
  await Promise.race([ready.promise, child.exited]);
  for (const line of lines) child.terminal?.write(`pdoflow ${line}\n`);
  child.terminal?.write("pdoflow done\n");
  await Promise.race([shown.promise, child.exited]);
  child.kill("SIGKILL");
  await child.exited;
  return [...screen.matchAll(/RAN:(.*)\.\r?$/gm)].map(([, words]) => words).slice(1, -1);
}

const lines = [
  ["pause @n\t", "pause @nightly"],
  ["pause 1 @n\t", "pause 1 @nightly"],
  ["status n\t", "status n"],
  // Names are from other users.
  ["status @a\t", "status @a$(touch made)"],
  ["post lib/f\t", "post lib/f.ts#"],
  ["post lib/f.ts#a\t", "post lib/f.ts#alpha"],
  ["post lib/f.ts#alpha da\t", "post lib/f.ts#alpha data.json"],
  ["drain no\t", "drain node17"],
  ["retry 42 --group 3\t", "retry 42 --group 3f2a91bc"],
  ["retry --group 7\t", "retry --group 77aabbcc"],
  ["pool --posting @n\t", "pool --posting @nightly"],
  ["run --resume @n\t", "run --resume @nightly"],
  ["flow show @n\t", "flow show @night"],
  ["flow post da\t", "flow post data.json"],
  ["flow resume 7 da\t", "flow resume 7 data.json"],
] as const;
const typedLines = lines.map(([line]) => line);
const expected = lines.map(([, words]) => words);

testIn("bash")("bash keeps the @ of names, and completes what a word names", async () => {
  using cli = await folderFor("bash");
  const shell = ["bash", "--norc", "-i"];
  const ran = await typed(shell, cli.folder, "true", [...typedLines, "post --help-\t"]);
  expect(ran).toEqual([...expected, "post --help-all"]);
  expect(await Bun.file(`${cli.folder}/made`).exists()).toBe(false);
});

testIn("zsh")("zsh completes names, pools, groups and exports", async () => {
  using cli = await folderFor("zsh");
  const begin = "unsetopt beep prompt_cr prompt_sp; autoload -U compinit; compinit -D -u";
  const ran = await typed(["zsh", "-f", "-i"], cli.folder, begin, typedLines);
  expect(ran).toEqual(expected);
  expect(await Bun.file(`${cli.folder}/made`).exists()).toBe(false);
});

testIn("fish")("fish completes names, pools, groups and exports", async () => {
  using cli = await folderFor("fish");
  const candidates = (line: string) => {
    const script = `source ./script; complete -C ${JSON.stringify(`pdoflow ${line}`)}`;
    const { stdout } = Bun.spawnSync(["fish", "--no-config", "-c", script], {
      ...{ cwd: cli.folder, env: environmentOf(cli.folder) },
    });
    return stdout
      .toString()
      .split("\n")
      .flatMap((each) => (each === "" ? [] : [each.split("\t")[0]]));
  };
  expect(candidates("pause @n")).toEqual(["@nightly"]);
  expect(candidates("status @a")).toEqual(["@a$(touch made)"]);
  expect(candidates("post lib/f")).toEqual(["lib/f.ts", "lib/f.ts#alpha", "lib/f.ts#beta"]);
  expect(candidates("post lib/f.ts#a")).toEqual(["lib/f.ts#alpha"]);
  expect(candidates("post lib/f.ts#alpha da")).toEqual(["data.json"]);
  expect(candidates("drain no")).toEqual(["node17"]);
  expect(candidates("retry 42 --group 3")).toEqual(["3f2a91bc"]);
  expect(candidates("retry --group 7")).toEqual(["77aabbcc"]);
  expect(candidates("pool --posting @n")).toEqual(["@nightly"]);
  expect(candidates("run --resume la")).toEqual(["last"]);
  expect(await Bun.file(`${cli.folder}/made`).exists()).toBe(false);
});
