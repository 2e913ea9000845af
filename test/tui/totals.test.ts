import { expect, test } from "bun:test";
import * as fc from "fast-check";

import { glyphsOf } from "../../tui/draw/glyphs.ts";
import { progressBar } from "../../tui/draw/plot.ts";
import { foldFlows } from "../../tui/state/flow-rows.ts";
import { etaOf } from "../../tui/state/posting-columns.ts";
import { endedOf } from "../../tui/state/posting-state.ts";
import { count, span } from "../../tui/draw/words.ts";
import { after, busy, posting, snapshot, terminals } from "./scene.ts";

const glyphs = glyphsOf(terminals.color);
const size = { columns: 80, rows: 24 };

/** A posting of a thousand jobs that advances by a fixed number with each snapshot. */
const course = fc.array(
  fc.record({
    done: fc.nat({ max: 60 }),
    failed: fc.nat({ max: 5 }),
    seconds: fc.integer({ min: 1, max: 30 }),
  }),
  { minLength: 1, maxLength: 25 },
);

test("an estimate is none or a time that is not negative, and 100 % only comes at the end", () => {
  fc.assert(
    fc.property(course, (steps) => {
      let [done, failed] = [0, 0];
      const events = steps.map((step) => {
        done = Math.min(900, done + step.done);
        failed = Math.min(1000 - done, failed + step.failed);
        const jobs = {
          waiting: 1000 - done - failed,
          running: 0,
          retrying: 0,
          done,
          failed,
          cancelled: 0,
        };
        return snapshot({ ...busy, postings: [posting(1, { jobs })] });
      });
      const model = after(size, events);
      const [all] = foldFlows(model.snapshot).rows;
      if (!all) throw new Error("the posting is gone");
      const { posting: row } = all;
      const eta = etaOf({ model, glyphs }, all);
      expect(eta).toMatch(/^(—|\d+(\.\d)?(ms|s|m|d|y)|\d+h\d\dm)$/);
      // The number of ended jobs is never more than all, and all is the number of posted jobs.
      expect(endedOf(row)).toBeLessThanOrEqual(row.jobCount);
      expect(endedOf(row) + row.jobs.waiting).toBe(row.jobCount);
    }),
  );
});

test("at a steady pace the estimate is the remaining work divided by the pace", () => {
  const at = (done: number) =>
    snapshot({
      ...busy,
      postings: [
        posting(1, {
          jobs: { waiting: 1000 - done, running: 0, retrying: 0, done, failed: 0, cancelled: 0 },
        }),
      ],
    });
  // Ten jobs in each tenth of a second: 100/s, and 700 are left.
  const model = after(
    size,
    Array.from({ length: 31 }, (_, i) => at(i * 10)),
  );
  const [row] = foldFlows(model.snapshot).rows;
  expect(row && etaOf({ model, glyphs }, row)).toBe("7s");
});

test("a bar is full only if all is done, and empty only if nothing is", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 2, max: 50 }),
      (share, width) => {
        const [full, empty] = progressBar(share, width, glyphs);
        expect(full.length + empty.length).toBe(width);
        expect(full.length === width).toBe(share === 1);
        expect(full.length === 0).toBe(share === 0);
      },
    ),
  );
});

test("numbers and times stay as wide as their columns", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 9e14, noNaN: true }), (value) => {
      expect(count(value).length).toBeLessThanOrEqual(7);
      expect(span(value).length).toBeLessThanOrEqual(7);
    }),
  );
});
