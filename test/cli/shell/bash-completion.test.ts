// Bash on a terminal, because only readline replaces the word that is completed.
import { expect, test } from "bun:test";
import { join } from "node:path";

import { completionScript } from "../../../src/cli/shell/completion-scripts.ts";
import { allCommandTexts } from "../../../src/cli/shell/reference.ts";
import { commands } from "../../../src/cli/commands.ts";
import { openCommands } from "../in-process.ts";

const hasBash = Bun.which("bash") !== null;
const note = hasBash ? "" : " (skipped: no bash here)";

/** Prints the candidates of `pdoflow completions`, and the command lines that are entered. */
const fakePdoflow = String.raw`pdoflow() {
  case "$1 $2 $3" in
    "completions postings ") printf '2\tx\n@nightly\tx\n@a$(touch made)\tx\n' ;;
    "completions pools ") printf '7\tx\nnode17\tx\n' ;;
    "completions groups 42") printf '3f2a91bc\tx\n' ;;
    "completions groups last") printf '77aabbcc\tx\n' ;;
    "completions exports "*) printf '%s#alpha\n%s#beta\n' "${"${3%#*}"}" "${"${3%#*}"}" ;;
    *) echo "RAN:$*." ;;
  esac
}`;

test.skipIf(!hasBash)(
  `bash keeps the @ of names, and completes what a word names${note}`,
  async () => {
    using cli = await openCommands(null);
    await cli.write("lib/f.ts", "export const alpha = 1;");
    await cli.write("data.json", "[]");
    await cli.write("pdoflow.bash", completionScript("bash", await allCommandTexts(commands)));
    await cli.write("fake.bash", fakePdoflow);
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
      ["post --help-\t", "post --help-all"],
    ] as const;
    let screen = "";
    const shown = Promise.withResolvers<void>();
    const shell = Bun.spawn(["bash", "--norc", "-i"], {
      cwd: cli.folder,
      env: { TERM: "dumb", PATH: process.env["PATH"], PS1: "> ", INPUTRC: "/dev/null" },
      terminal: {
        cols: 200,
        rows: 50,
        data: (_terminal, bytes) => {
          screen += new TextDecoder().decode(bytes);
          if (screen.includes("RAN:done.")) shown.resolve();
        },
      },
    });
    shell.terminal?.write(`source ${join(cli.folder, "pdoflow.bash")}; source fake.bash\n`);
    for (const [typed] of lines) shell.terminal?.write(`pdoflow ${typed}\n`);
    shell.terminal?.write("pdoflow done\n");
    await Promise.race([shown.promise, shell.exited]);
    const ran = [...screen.matchAll(/^RAN:(.*)\.\r?$/gm)].map(([, words]) => words);
    expect(ran).toEqual([...lines.map(([, expected]) => expected), "done"]);
    expect(await Bun.file(join(cli.folder, "made")).exists()).toBe(false);
    shell.kill("SIGKILL");
    await shell.exited;
  },
);
