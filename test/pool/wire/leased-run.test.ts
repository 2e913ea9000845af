import { expect, test } from "bun:test";

import { Backlog } from "../../../src/pool/wire/backlog.ts";
import {
  alike,
  type LeasedRun,
  RunList,
  withArguments,
  without,
} from "../../../src/pool/wire/leased-run.ts";
import { jobAt } from "../../../src/pool/wire/leased-job.ts";
import { identityAt, packIds, unpackArgs } from "../../../src/pool/wire/protocol.ts";
import { leasedRun, lines, posting, shown } from "../run/leased-runs.ts";

test("a list is cut between any two jobs, and nothing is lost", () => {
  const list = new RunList([leasedRun(5, 3), leasedRun(8, 1), leasedRun(100, 4)]);
  for (let count = 0; count <= list.count; count++) {
    const [first, rest] = list.split(count);
    expect([first.count, rest.count]).toEqual([count, list.count - count]);
    const args = [first, rest].flatMap((part) => (part.count > 0 ? unpackArgs(part.args) : []));
    expect(args).toEqual(unpackArgs(list.args));
    const seqs = [first, rest].flatMap(({ runs }) =>
      runs.flatMap((run) => Array.from({ length: run.count }, (_, i) => jobAt(run, i).seq)),
    );
    expect(seqs).toEqual([5, 6, 7, 8, 100, 101, 102, 103]);
  }
});

test("indexes of a sorted posting stay with their jobs", () => {
  const run = leasedRun(5, 4, { indexes: [9, 3, 4, 0] });
  const [first, rest] = new RunList([run]).split(3);
  expect([first.at(2)?.index, rest.at(0)?.index]).toEqual([4, 0]);
  const ids = packIds([...first.runs, ...rest.runs]);
  expect([0, 1, 2, 3].map((position) => identityAt(ids, position).index)).toEqual([9, 3, 4, 0]);
});

test("runs that follow each other are one run of ids, and others are not", () => {
  expect(packIds([leasedRun(5, 3), leasedRun(8, 2)])).toEqual([1, 1, 5, 5]);
  const others = [leasedRun(5, 3), leasedRun(8, 2, { attempt: 2 }), leasedRun(11, 1)];
  expect(packIds(others)).toEqual([1, 1, 5, 3, 1, 2, 8, 2, 1, 1, 11, 1]);
});

test("at least one job fits, and then as many as have room", () => {
  const list = new RunList([leasedRun(0, 3), leasedRun(3, 3)]); // 3 characters each
  expect([0, 3, 7, 11, 14, 1_000].map((bytes) => list.fitting(6, bytes))).toEqual([
    1, 1, 2, 3, 4, 6,
  ]);
  expect(list.fitting(2, 1_000)).toBe(2);
});

test("one job leaves its run in two parts", () => {
  const run = leasedRun(5, 3);
  const rest = (offset: number) => shown(without([run, leasedRun(20, 1)], jobAt(run, offset)));
  const other = [20, 1, lines(20, 1)];
  expect(rest(0)).toEqual([[6, 2, lines(6, 2)], other]);
  expect(rest(1)).toEqual([[5, 1, lines(5, 1)], [7, 1, lines(7, 1)], other]);
  expect(rest(2)).toEqual([[5, 2, lines(5, 2)], other]);
});

test("a range is a run for each text that was read, and a rest without arguments", () => {
  const texts = [
    { count: 2, args: lines(5, 2) },
    { count: 1, args: lines(7, 1) },
  ];
  const runs: LeasedRun[] = [];
  const rest = withArguments(leasedRun(5, 9), texts, runs);
  expect(shown(runs)).toEqual([
    [5, 2, lines(5, 2)],
    [7, 1, lines(7, 1)],
  ]);
  expect([rest?.firstSeq, rest?.count]).toEqual([8, 6]);
  expect(withArguments(leasedRun(5, 3), texts, [])).toBeNull();
});

test("jobs of a lease with a limit, and jobs with a deadline, are passed apart from others", () => {
  const limited = { leaseId: 2, runningLimit: 1 };
  const runs = [
    leasedRun(0, 1),
    leasedRun(1, 1, { posting: posting(2) }),
    leasedRun(2, 1, limited),
    leasedRun(3, 1, { ...limited, leaseId: 3 }),
    leasedRun(4, 1, { startBy: 5 }),
  ];
  expect(alike(runs).map(({ count }) => count)).toEqual([2, 1, 1, 1]);
});

test("a backlog counts the jobs and the arguments that it has", () => {
  const backlog = new Backlog();
  backlog.push([leasedRun(0, 10), leasedRun(10, 10, { leaseId: 2, runningLimit: 1 })]);
  expect([backlog.count, backlog.bytes]).toEqual([20, 39 + 49]);
  expect(backlog.ready((first) => first?.runningLimit ?? 3)).toBe(3 + 1);
  const found = backlog.find(({ runningLimit }) => runningLimit === null);
  if (!found) throw new Error("expected a list without a limit");
  backlog.replace(found, found.split(9)[1]);
  expect(shown(backlog.takeLast(4))).toEqual([[16, 4, lines(16, 4)]]);
  expect(shown(backlog.all)).toEqual([
    [9, 1, lines(9, 1)],
    [10, 6, lines(10, 6)],
  ]);
  expect([backlog.count, backlog.bytes]).toEqual([7, 3 + 29]);
});
