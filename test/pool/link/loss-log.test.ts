import { expect, test } from "bun:test";

import { LossLog } from "../../../src/pool/link/loss-log.ts";

test("an error of the database is logged once a minute, and once that it answers again", () => {
  const lines: string[] = [];
  const losses = new LossLog((line) => lines.push(line));
  const logged = () => lines.splice(0);
  losses.answered();
  expect(logged()).toEqual([]);
  for (let now = 0; now < 60_000; now += 250) losses.failed("refused", now);
  expect(logged()).toEqual(["the database: refused"]);
  losses.failed("starting", 60_001);
  losses.failed("refused", 60_002);
  losses.away("the workers were stopped");
  expect(logged()).toEqual([
    ...["the database: starting", "the database: refused", "the workers were stopped"],
  ]);
  losses.answered();
  losses.answered();
  expect(logged()).toEqual(["the database answers again"]);
  losses.failed("refused", 60_003); // the log had it in the last minute
  losses.answered();
  expect(logged()).toEqual([]);
});

test("it forgets texts rather than remember all of them", () => {
  const lines: string[] = [];
  const losses = new LossLog((line) => lines.push(line));
  for (let i = 0; i <= 50; i++) losses.failed(`port ${i}`, 0);
  losses.failed("port 0", 0);
  expect(lines).toHaveLength(52);
});
