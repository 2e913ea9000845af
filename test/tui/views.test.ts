import { expect, test } from "bun:test";

import type { TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import type { Event } from "../../tui/state/model.ts";
import { paint } from "../../tui/draw/paint.ts";
import {
  after,
  busy,
  empty,
  flows,
  frameOn,
  job,
  metrics,
  schedules,
  poolEvent,
  posting,
  press,
  readable,
  snapshot,
  terminals,
} from "./scene.ts";

const sizes = [
  { columns: 30, rows: 6 },
  { columns: 60, rows: 15 },
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 300, rows: 100 },
];

const jobs: Event = {
  kind: "page",
  view: {
    ...{ kind: "jobs", postingId: 42, title: "", status: null, fingerprint: null },
    ...{ words: "", sortedBy: 0, isReversed: false },
    ...{ from: 0, before: [], row: 0 },
  },
  page: {
    rows: [
      job(0),
      job(1, {
        status: "failed",
        error: { name: "Error", message: "no\nsecond line" },
        stdout: "x",
      }),
      job(2, { status: "running", durationMs: null, elapsedMs: 83_000, endedAt: null }),
    ],
    next: 3,
    end: 3,
  },
};
const failed = job(7, {
  status: "failed",
  error: {
    name: "RangeError",
    message: "too far",
    cause: { name: "TypeError", message: "the cause" },
    stack: "RangeError: too far\n    at fit (a.ts:1:1)",
  },
  stdout: "line one\n\u001b[31mred\u001b[0m\ttab\r\nlast",
});

const scenes: Record<string, readonly Event[]> = {
  "first start": [snapshot(empty)],
  overview: [snapshot(busy)],
  "an action is asked for": [snapshot(busy), ...press("c")],
  "a filter is typed": [snapshot(busy), ...press("/", "s", "p", "e")],
  "a folded flow": [snapshot(flows)],
  "an open flow": [snapshot(flows), ...press("enter", "down", "down", "down")],
  failures: [snapshot(busy), ...press("3", "space")],
  help: [snapshot(busy), ...press("?")],
  jobs: [snapshot(busy), ...press("enter"), jobs],
  "one job": [
    ...[snapshot(busy), ...press("enter"), jobs, ...press("down", "enter")],
    { kind: "job", postingId: 42, index: 1, job: failed },
  ],
  metrics: [snapshot(busy), ...press("4"), { kind: "metrics", metrics }],
  schedules: [snapshot(busy), ...press("5"), { kind: "schedules", schedules }],
  "no schedules": [snapshot(busy), ...press("5"), { kind: "schedules", schedules: [] }],
  "one pool": [snapshot(busy), ...press("2", "enter"), poolEvent],
  "the server is away": [snapshot(busy), { kind: "fault", message: "the server does not answer" }],
};

for (const [name, events] of Object.entries(scenes)) {
  for (const [kind, terminal] of Object.entries(terminals)) {
    test(`${name}, ${kind}: five sizes`, () => {
      for (const size of sizes) {
        const model = after(size, events);
        // Anything shown by colour alone would be lost: the text is the same in all three.
        expect(`\n${readable(model, terminal)}\n`).toMatchSnapshot(`${size.columns}x${size.rows}`);
      }
    });
  }
}

test("which colours are sent for 80 by 24", () => {
  const model = after({ columns: 80, rows: 24 }, [snapshot(busy)]);
  for (const colors of ["256", "16", "none"] as const) {
    const sent = paint(null, frameOn(model, { ...terminals.color, colors }));
    expect(sent.replaceAll("\u001b", "^").replaceAll("H", "H\n")).toMatchSnapshot(colors);
  }
});

test("without colours no colour is sent, and ASCII is all that a terminal without UTF-8 gets", () => {
  for (const events of Object.values(scenes)) {
    const model = after({ columns: 120, rows: 40 }, events);
    const plain = paint(null, frameOn(model, terminals["no color"]));
    const numbersSent = [...plain.matchAll(/\[([\d;]*)m/g)].flatMap(([, list]) => list?.split(";"));
    expect(numbersSent.filter((each) => !/^(0|1|4|7|)$/.test(each ?? ""))).toEqual([]);
    const ascii = paint(null, frameOn(model, terminals.ascii)).replaceAll("\u001b", "");
    expect(ascii).toMatch(/^[ -~]*$/);
  }
});

test("the colour-blind theme uses neither red nor green", () => {
  const model = after({ columns: 120, rows: 40 }, [snapshot(busy)]);
  for (const terminal of [terminals.color, { ...terminals.color, colors: "16" } as const]) {
    const sent = paint(null, frameOn(model, terminal, "colour-blind"));
    const used = [...sent.matchAll(/\[([\d;]*)m/g)].map(([, list]) => `;${list};`);
    const isRedOrGreen = /;(31|32|41|42|38;5;78|38;5;203|48;5;160);/;
    expect(used.filter((each) => isRedOrGreen.test(each))).toEqual([]);
  }
});

test("drawing 500 postings reads each of them a few times, and formats only those on the screen", () => {
  let reads = 0;
  const counted = (value: TopPosting) =>
    new Proxy(value, {
      get(target, key, receiver) {
        reads += 1;
        return Reflect.get(target, key, receiver) as unknown;
      },
    });
  const readsOf = (rows: number) => {
    const postings = Array.from({ length: 500 }, (_, i) =>
      counted(posting(1000 - i, { name: `n${i}` })),
    );
    const model = after({ columns: 300, rows }, [
      snapshot({ ...busy, postings }),
      ...press("/", "n"),
    ]);
    reads = 0;
    frameOn(model, terminals.color);
    return reads / 500;
  };
  const [small, large] = [readsOf(20), readsOf(100)];
  expect(small).toBeLessThan(60);
  // 80 more rows are on the screen; the other 400 cost nothing more.
  expect(large - small).toBeLessThan((80 / 500) * 60);
});
