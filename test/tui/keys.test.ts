import { expect, test } from "bun:test";

import type { TopJob } from "../../src/db/dashboard/top-snapshot.ts";
import { bindings, keyName } from "../../tui/state/keys.ts";
import { viewOf } from "../../tui/state/model.ts";
import { update } from "../../tui/update.ts";
import {
  after,
  busy,
  job,
  poolEvent,
  posting,
  press,
  readable,
  snapshot,
  terminals,
} from "./scene.ts";

const size = { columns: 100, rows: 60 };

test("no key has two meanings, and the help names every one", () => {
  const keys = bindings.flatMap((each) => each.keys);
  expect(new Set(keys).size).toBe(keys.length);
  const help = readable(after(size, [snapshot(busy), ...press("?")]), terminals.color);
  for (const { keys, help: text } of bindings) {
    for (const key of keys) expect(help).toContain(keyName(key));
    expect(help).toContain(text);
  }
});

const chosen = (...keys: string[]) =>
  readable(after(size, [snapshot(busy), ...press(...keys)]), terminals.color)
    .split("\n")
    .find((row) => row.startsWith("▸"));

test("arrows and letters move, and the chosen row is kept by its number when rows come", () => {
  expect(chosen()).toContain("42");
  expect(chosen("down", "j")).toContain("40");
  expect(chosen("G", "k")).toContain("37");
  const more = { ...busy, postings: [posting(43), ...busy.postings] };
  const model = after(size, [snapshot(busy), ...press("j"), snapshot(more)]);
  expect(readable(model, terminals.color)).toMatch(/▸ +41 ║ 漢字/);
});

test("a filter takes texts, fields and selectors of the command line", () => {
  const rows = (filter: string) =>
    readable(
      after(size, [snapshot(busy), ...press("/", ...Array.from(filter), "enter")]),
      terminals.color,
    )
      .split("\n")
      .filter((row) => /^[▸ ] +\d\d .*%/.test(row)).length;
  expect(rows("spectra")).toBe(1);
  expect(rows("state:paused")).toBe(1);
  expect(rows("state:failed")).toBe(2);
  expect(rows("42")).toBe(1);
  expect(rows("last:3")).toBe(3);
  expect(rows("@spectra")).toBe(1);
  expect(rows("poster:ann fit")).toBe(5);
  expect(rows("nothing-like-it")).toBe(0);
});

test("Esc restores the previous filter; pasted text presses no keys", () => {
  const typed = after(size, [snapshot(busy), ...press("/", "a", "enter", "/", "b", "escape")]);
  expect(typed.lists.postings.filter).toBe("a");
  const pasted = after(size, [snapshot(busy), { kind: "paste", text: "cy" }]);
  expect(pasted.prompt).toBeNull();
  expect(pasted.isActing).toBe(false);
});

test("sorting goes through the columns, and the header says by which", () => {
  const by = (...keys: string[]) => {
    const text = readable(
      after({ columns: 160, rows: 60 }, [snapshot(busy), ...press(...keys)]),
      terminals.color,
    );
    return [...text.matchAll(/^[▸ ] +(\d\d) .*%/gm)].map(([, id]) => id).join(" ");
  };
  expect(by()).toBe("42 41 40 39 38 37 36");
  expect(by("s", "o")).toBe("36 37 38 39 40 41 42");
  expect(by("s", "s", "s", "s", "s", "s", "s")).toStartWith("39 42");
});

test("each action asks for confirmation with numbers, and only y carries it out", () => {
  const steps = (...keys: string[]) => after(size, [snapshot(busy), ...press(...keys)]);
  const question = (...keys: string[]) => {
    const { prompt } = steps(...keys);
    return prompt?.kind === "confirm" ? prompt.question : null;
  };
  expect(question("p")).toBe("Pause posting 42 (spectra) with 416 jobs that have not ended?");
  expect(question("r")).toBe("Retry 4 failed jobs of posting 42 (spectra)?");
  expect(question("*", "c")).toBe(
    "Cancel 5 postings for good, with 12,003,474 jobs that have not ended?",
  );
  expect(question(">")).toBe(
    "Raise the priority of the waiting jobs of posting 42 (spectra) to 1?",
  );
  expect(question("j", "j", "<")).toBe(
    "Lower the priority of the waiting jobs of posting 40 to -6?",
  );
  expect(question("2", "d")).toBe("Drain pool 3 on node17 with 16 workers?");
  expect(question("3", "r")).toBe("Retry 10 failed jobs of posting 39 in 1 group?");
  for (const key of ["n", "escape", "enter", "space", "c"]) {
    expect(steps("c", key).isActing).toBe(false);
  }
  expect(steps("c", "y").isActing).toBe(true);
});

test("a click chooses a row, a second one opens it, and one on a tab goes there", () => {
  const lines = readable(after(size, [snapshot(busy)]), terminals.color).split("\n");
  const y = lines.findIndex((each) => /^ +40 /.test(each));
  const click = { kind: "mouse", action: "click", x: 10, y } as const;
  const once = after(size, [snapshot(busy), click]);
  expect(once.lists.postings.chosen).toBe("40");
  expect(viewOf(after(size, [snapshot(busy), click, click])).kind).toBe("jobs");
  const tabs = lines.findIndex((each) => each.includes("4 metrics"));
  const x = lines[tabs]?.indexOf("4 metrics") ?? 0;
  const there = after(size, [snapshot(busy), { ...click, x, y: tabs }]);
  expect(viewOf(there).kind).toBe("metrics");
});

test("the wheel moves through a list and stops at its ends", () => {
  const wheel = (action: "wheelup" | "wheeldown") =>
    ({ kind: "mouse", action, x: 1, y: 10 }) as const;
  const down = after(size, [
    snapshot(busy),
    ...Array.from({ length: 9 }, () => wheel("wheeldown")),
  ]);
  expect(down.lists.postings.chosen).toBe("36");
  const up = after(size, [snapshot(busy), wheel("wheeldown"), wheel("wheelup"), wheel("wheelup")]);
  expect(up.lists.postings.chosen).toBe("42");
});

test("a message leaves after some seconds, and a newer one has its full time", () => {
  const pressed = after(size, [snapshot(busy), ...press("c", "n")]);
  const at = (model: typeof pressed, ms: number) =>
    update(model, { kind: "tick" }, pressed.nowMs + ms).model;
  expect(pressed.outcome?.text).toBe("Nothing was changed.");
  expect(at(pressed, 5_000).outcome?.text).toBe("Nothing was changed.");
  expect(at(pressed, 9_000).outcome).toBeNull();
  const again = at(pressed, 7_000);
  const newer = update(again, { kind: "acted", text: "paused", isGood: true }, again.nowMs).model;
  expect(at(newer, 12_000).outcome?.text).toBe("paused");
});

test("marks do nothing in the jobs of a posting, which a message says", () => {
  const model = after(size, [snapshot(busy), ...press("enter", "space")]);
  expect(readable(model, terminals.color)).toContain("Space works in the lists of postings, pools");
});

/** The keys, and then the page that the source reads for them. */
const jobsAfter = (rows: readonly TopJob[], next: number | null, ...keys: string[]) => {
  const model = after(size, [snapshot(busy), ...press("enter", ...keys)]);
  const view = viewOf(model);
  if (view.kind !== "jobs") throw new Error("expected the jobs of a posting");
  const event = { kind: "page", view, page: { rows, next, end: next ?? 1000 } } as const;
  return { view, model, shown: update(model, event, model.nowMs).model };
};

test("/ in the jobs of a posting asks for the jobs that match, and Esc for all again", () => {
  const typed = jobsAfter([job(7)], 500, "/", "m", "3", "1", "enter");
  expect(typed.view).toMatchObject({ words: "m31", from: 0 });
  expect(typed.model.page).toBeNull(); // the jobs of another filter are not shown
  const text = readable(typed.shown, terminals.color);
  expect(text).toContain("42/7");
  expect(text).toContain("among jobs 0 to 499");
  expect(text).toContain("filter: m31");
  expect(jobsAfter([], null, "/", "m", "3", "1", "escape").view).toMatchObject({ words: "" });
  expect(jobsAfter([], null, "/", "m", "enter", "escape").view).toMatchObject({ words: "" });
  const none = jobsAfter([], 500, "/", "x", "enter").shown;
  expect(readable(none, terminals.color)).toContain("remove it, PgDn to search later jobs.");
});

test("s and o in the jobs of a posting go through the orders, which the header names", () => {
  const { view, shown } = jobsAfter([job(7)], null, "s", "s", "s", "s", "o");
  expect(view).toMatchObject({ sortedBy: 4, isReversed: true });
  const text = readable(shown, terminals.color);
  expect(text).toMatch(/took ?▲/);
  expect(text).toContain("sort: took reversed");
});

test("Enter on a pool opens it, with its process and the jobs it runs; Esc leads back", () => {
  const events = [snapshot(busy), ...press("2", "enter"), poolEvent];
  const text = readable(after(size, events), terminals.color);
  expect(text).toMatch(/^pool 3$/m);
  expect(text).toMatch(/host +node17 +pid 4711/);
  expect(text).toContain("provides  gpu,mem=64G");
  expect(text).toMatch(/42\/7 +attempt 2 .*50% halfway/);
  expect(viewOf(after(size, [...events, ...press("escape")])).kind).toBe("overview");
});
