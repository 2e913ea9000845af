import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { bindings } from "../../tui/state/keys.ts";
import { type Event, startModel } from "../../tui/state/model.ts";
import { update } from "../../tui/update.ts";
import {
  busy,
  empty,
  flows,
  frameOn,
  job,
  metrics,
  poolEvent,
  posting,
  snapshot,
  terminals,
} from "./scene.ts";

const allKeys = [...bindings.flatMap(({ keys }) => keys), "x", "n", "é", "漢", "😀", "C-u", "f9"];
const pageOf = (from: number): Event => ({
  kind: "page",
  view: {
    ...{ kind: "jobs", postingId: 42, title: "", status: null, fingerprint: null },
    ...{ words: "", sortedBy: 0, isReversed: false },
    ...{ from, before: [], row: 0 },
  },
  page: { rows: [job(from), job(from + 1)], next: from + 2, end: from + 2 },
});

const cell = fc.integer({ min: -3, max: 320 });
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom(...allKeys).map((key): Event => ({ kind: "key", key })),
  },
  fc.record({
    kind: fc.constant("mouse" as const),
    action: fc.constantFrom("click" as const, "wheelup" as const, "wheeldown" as const),
    ...{ x: cell, y: cell },
  }),
  fc
    .record({ columns: fc.integer({ min: 1, max: 310 }), rows: fc.integer({ min: 1, max: 110 }) })
    .map((size): Event => ({ kind: "resize", size })),
  fc.string({ unit: "binary" }).map((text): Event => ({ kind: "paste", text })),
  fc.constantFrom<Event>(
    snapshot(busy),
    snapshot(empty),
    snapshot(flows),
    snapshot({ ...flows, postings: flows.postings.slice(2) }),
    snapshot({ ...busy, postings: [posting(50), ...busy.postings.slice(0, 3)], failures: [] }),
    { kind: "fault", message: "gone\u001b[2J" },
    { kind: "acted", text: "done", isGood: true },
    { kind: "tick" },
    pageOf(0),
    pageOf(2),
    { kind: "job", postingId: 42, index: 0, job: job(0, { stdout: "a\n".repeat(300) }) },
    { kind: "job", postingId: 42, index: 0, job: null },
    { kind: "metrics", metrics },
    poolEvent,
  ),
);

test("10,000 random keys, clicks and resizes never throw, and never draw outside the screen", () => {
  const kinds = Object.values(terminals);
  fc.assert(
    fc.property(fc.array(anyEvent, { minLength: 100, maxLength: 100, size: "max" }), (events) => {
      let nowMs = 0;
      let model = startModel({
        size: { columns: 80, rows: 24 },
        nowMs,
        everyMs: 500,
        startedReadOnly: null,
      });
      events.forEach((event, at) => {
        model = update(model, event, (nowMs += 70)).model;
        // Drawing each of them would take minutes: a third, and those after a resize.
        if (at % 3 > 0 && event.kind !== "resize") return;
        const terminal = kinds[at % kinds.length] ?? terminals.color;
        const { cells } = frameOn(model, terminal);
        expect(cells.length).toBe(model.size.rows);
        for (const row of cells) {
          const text = row.map((each) => each.text).join("");
          if (row.length !== model.size.columns) throw new Error(`a row of ${row.length} cells`);
          if (/[\p{Cc}\p{Cf}]/u.test(text)) throw new Error(`obeyed: ${JSON.stringify(text)}`);
        }
      });
    }),
    { numRuns: 100 },
  );
}, 120_000);
