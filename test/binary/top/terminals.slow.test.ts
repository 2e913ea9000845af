import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { emulated } from "./emulated.ts";
import { openQueueCli } from "../queue-cli.ts";
import { until } from "../cli.ts";

const hasTmux = Bun.which("tmux") !== null;

/** The numbers of all colours that were sent. */
const colorsIn = (sent: string) =>
  [...sent.matchAll(/\[([\d;]*)m/g)]
    .map(([, list = ""]) => list)
    .filter((list) => /(^|;)(3|4|9|10)\d(;|$)|38;5/.test(list));

const terms = ["xterm-256color", "screen", "tmux", "tmux-256color", "linux", "vt100", "alacritty"];

for (const term of [...terms, "xterm-ghostty", "ghostty", "xterm", "something-new"]) {
  test(`top draws on TERM=${term}, without a terminfo of it, and leaves`, async () => {
    await using db = await freshDatabase();
    using cli = await openQueueCli(db);
    await cli.post([1, 2, 3], "fn.ts#quick", "--name", "shown");
    const env = { ...cli.env, TERM: term, TERMINFO: "/nowhere" };
    await using top = emulated([...cli.command, "top"], { env, cwd: cli.folder });
    await top.shows(/shown.*waiting/);
    top.type("?");
    await top.shows("Moving");
    top.type("?q");
    expect(await top.exited).toBe(0);
    const hasMany = /38;5/.test(top.sent());
    expect(hasMany).toBe(/256|alacritty|ghostty/.test(term));
    expect(colorsIn(top.sent()).length > 0).toBe(term !== "vt100");
  });
}

test("NO_COLOR and --color never send no colour, and words say everything", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 3], "fn.ts#fn", "--name", "shown");
  await cli.drain();
  for (const [more, ...flags] of [[{ NO_COLOR: "1" }], [{}, "--color", "never"]] as const) {
    const env = { ...cli.env, ...more };
    await using top = emulated([...cli.command, "top", ...flags], { env, cwd: cli.folder });
    await top.shows(/shown.*✗1.*finished/);
    expect(colorsIn(top.sent())).toEqual([]);
  }
});

test("without UTF-8 in the locale, or with --ascii, everything is ASCII", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await cli.post([1, 3], "fn.ts#fn", "--name", "écrit_漢");
  await cli.drain();
  for (const [more, ...flags] of [[{ LANG: "C" }], [{}, "--ascii"]] as const) {
    const env = { ...cli.env, ...more };
    await using top = emulated([...cli.command, "top", ...flags], { env, cwd: cli.folder });
    await top.shows(/\?crit_\? .*#{3}.*!1.*finished/);
    const sent = top.sent().replaceAll("\u001b", "").replaceAll("\u0007", "");
    expect(sent).toMatch(/^[ -~\r\n]*$/);
  }
});

test("without a mouse the terminal is asked for none; with it a click chooses a row", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  for (const name of ["first", "second"]) await cli.post([1], "fn.ts#quick", "--name", name);
  const at = { env: cli.env, cwd: cli.folder };
  await using deaf = emulated([...cli.command, "top", "--no-mouse"], at);
  await deaf.shows("first");
  expect(deaf.terminal.modes.mouseTrackingMode).toBe("none");
  await using top = emulated([...cli.command, "top"], at);
  await top.shows(/▸ +2 . second/);
  expect(top.terminal.modes.mouseTrackingMode).toBe("vt200");
  const y = top.rows().findIndex((row) => row.includes("first")) + 1;
  top.type(`\u001b[<0;10;${y}M\u001b[<0;10;${y}m`);
  await top.shows(/▸ +1 . first/);
});

test.skipIf(!hasTmux)(
  `in tmux, driven by keys, with a pool at work${hasTmux ? "" : " (skipped: there is no tmux)"}`,
  async () => {
    await using db = await freshDatabase();
    using cli = await openQueueCli(db);
    await cli.write("slow.ts", "export const slow = (i: number) => Bun.sleep(30).then(() => i);");
    const pool = cli.start("pool", "--max-workers", "2");
    const input = JSON.stringify(Array.from({ length: 3_000 }, (_, i) => [i]));
    await cli.runWith({ input }, "post", "slow.ts#slow", "-", "--name", "slowly", "--no-check");
    const tmux = (...args: string[]) => {
      const command = ["tmux", "-L", db.name, "-f", "/dev/null", ...args];
      const { stdout, stderr } = Bun.spawnSync(command, { env: { ...cli.env, LANG: "C.UTF-8" } });
      return stdout.toString() + stderr.toString();
    };
    const screen = () => tmux("capture-pane", "-p");
    const shows = (what: RegExp) =>
      until(`tmux to show ${what.source}`, () => Promise.resolve(what.test(screen())), 20_000);
    try {
      const url = `PDOFLOW_DATABASE_URL=${cli.env["PDOFLOW_DATABASE_URL"] ?? ""}`;
      const start = ["new-session", "-d", "-x", "100", "-y", "30", "-e", url];
      tmux(...start, "sh", "-c", `${cli.command.join(" ")} top -d 0.5; echo code $?; read line`);
      await shows(/slowly.*(waiting|running)/);
      await shows(/[1-9][\d.]* jobs\/s/); // it goes on while one looks
      tmux("send-keys", "Enter");
      await shows(/\/0 .*(running|done)/);
      tmux("send-keys", "Escape");
      await shows(/1 postings/); // a letter at once after it would be Alt and that letter
      tmux("send-keys", "p");
      await shows(/Pause posting 1 \(slowly\) with [\d,]+ jobs/);
      tmux("send-keys", "y");
      await shows(/paused 1 posting/);
      await shows(/slowly.*paused/);
      tmux("resize-window", "-x", "40", "-y", "12");
      await shows(/^pdoflow top/);
      await shows(/slowly/);
      tmux("send-keys", "q");
      await shows(/code 0/);
    } finally {
      tmux("kill-server");
      pool.kill();
      await pool.exited;
    }
  },
);
