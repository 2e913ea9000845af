import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { emulated } from "./emulated.ts";
import { openQueueCli } from "../queue-cli.ts";

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
