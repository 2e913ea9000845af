import { expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";

import { InvalidInput } from "../../../src/domain/errors.ts";
import {
  type AttemptResult,
  doneAt,
  type Ends,
  ResultPacker,
} from "../../../src/pool/wire/ends.ts";
import { parseWorkerMessage } from "../../../src/pool/wire/protocol.ts";
import { fuzzTimes } from "../../fuzz-times.ts";

setDefaultTimeout(1_500_000);

/** PDOFLOW_TEST_SEED=7 repeats a run. */
const seed = Number(process.env["PDOFLOW_TEST_SEED"] ?? 8);
const fuzz = { numRuns: 1_000 * fuzzTimes, seed };

const number = fc.oneof(
  fc.integer({ min: -2, max: 5 }),
  fc.double(),
  fc.constantFrom(NaN, Infinity, -Infinity, -0, 2 ** 53, 1e308, -1),
);
const kind = fc.constantFrom(
  "ready",
  "ended",
  "late",
  "progress",
  "profile",
  "post",
  "broken",
  "run",
  "read",
  "",
);
const odd = fc.anything({
  withNullPrototype: true,
  withBigInt: true,
  withDate: true,
  withMap: true,
});
const field = fc.oneof(number, fc.string(), odd);
const single = fc.oneof(fc.tuple(number, fc.boolean(), field, field, field, field), odd);
const numbers = fc.array(number, { maxLength: 6 }).map((all) => new Float64Array(all));
const lines = fc.option(
  fc.array(fc.constantFrom("1", '"', "\n", "\u001e"), { maxLength: 3 }).map((all) => all.join("")),
  { freq: 2 },
);

/** Messages that look like a worker's, with anything for each of their fields. */
const lookalike = fc.record(
  {
    kind,
    chunk: fc.oneof(number, odd),
    first: fc.oneof(number, odd),
    durationsMs: fc.oneof(numbers, odd),
    agosMs: fc.oneof(numbers, odd),
    results: fc.oneof(lines, odd),
    stdouts: fc.oneof(lines, odd),
    stderrs: fc.oneof(lines, odd),
    singles: fc.oneof(fc.array(single), odd),
    usage: fc.oneof(numbers, odd),
    spentCpu: fc.oneof(numbers, odd),
    position: field,
    part: field,
    number: field,
    entryPoint: field,
    options: field,
    jobs: field,
    isLast: fc.oneof(fc.boolean(), odd),
    share: field,
    note: field,
    stacks: fc.oneof(fc.dictionary(fc.string(), field), odd),
    error: field,
    more: odd,
  },
  { requiredKeys: ["kind"] },
);

/** Parses, and says whether that was refused; throws what no hostile worker may make it throw. */
function refuses(raw: unknown): boolean {
  try {
    parseWorkerMessage(raw);
    return false;
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return true;
  }
}

/** The ends, one by one. */
const one = (ends: Ends) => Array.from({ length: ends.count }, (_, i) => ends.at(i));

/** The same, by the runs that a pool reads. */
function inRuns(ends: Ends): AttemptResult[] {
  const all: AttemptResult[] = [];
  while (all.length < ends.count) {
    const i = all.length;
    const count = ends.doneFrom(i);
    if (count === 0) all.push(ends.at(i));
    else {
      const columns = ends.columns(i, count);
      for (let k = 0; k < count; k++) {
        all.push({ position: ends.position(i + k), ...doneAt(columns, k) });
      }
    }
  }
  return all;
}

test("anything that a worker may send is a message or is refused, and nothing else", () => {
  fc.assert(
    fc.property(fc.oneof(odd, lookalike), (raw) => void refuses(raw)),
    fuzz,
  );
});

test("of odd ends only those pass that a worker could have told", () => {
  const two = fc.integer({ min: 0, max: 2 }).chain((count) => {
    const column = fc.oneof(
      { weight: 4, arbitrary: fc.array(fc.nat(9), { minLength: count, maxLength: count }) },
      fc.array(number, { maxLength: 3 }),
    );
    const float = column.map((all) => new Float64Array(all));
    return fc.record({
      ...{ kind: fc.constant("ended"), chunk: fc.nat(9) },
      first: fc.oneof({ weight: 4, arbitrary: fc.nat(9) }, number),
      ...{ durationsMs: float, agosMs: float, results: lines, stdouts: lines, stderrs: lines },
      usage: fc.option(
        fc
          .array(number, { minLength: 7, maxLength: 7 })
          .map(([a = 0, b = 0, ...used]) => [...[a, b, count, ...used]]),
        { freq: 1 },
      ),
      singles: fc.array(
        fc.tuple(
          fc.nat(2),
          fc.boolean(),
          lines,
          fc.constant(null),
          fc.constant(null),
          fc.boolean(),
        ),
        { maxLength: 2 },
      ),
    });
  });
  let passed = 0;
  fc.assert(
    fc.property(two, (message) => {
      if (refuses(message)) return;
      const parsed = parseWorkerMessage(message);
      if (parsed.kind !== "ended") throw new Error(`it is ${parsed.kind}`);
      const { ends } = parsed;
      expect(ends.count).toBe(message.durationsMs.length);
      expect(ends.count).toBeGreaterThan(0);
      for (const { position, durationMs, agoMs, text } of [...one(ends), ...inRuns(ends)]) {
        expect(Number.isInteger(position)).toBe(true);
        for (const ms of [durationMs, agoMs]) expect(ms >= 0 && ms <= 1e13).toBe(true);
        for (const separator of ["\n", "\u001e"]) expect(text ?? "").not.toContain(separator);
        passed++;
      }
      const { results, stdouts, stderrs, usage } = ends.columns(0, ends.count);
      for (const used of usage ?? []) expect(used < 0 || used > 2 ** 53).toBe(false);
      for (const texts of [results, stdouts, stderrs]) {
        expect(texts?.count ?? ends.count).toBe(ends.count);
        expect(texts?.text.split("\n").length ?? ends.count).toBe(ends.count);
        expect(texts?.text ?? "").not.toContain("\u001e");
      }
    }),
    fuzz,
  );
  expect(passed).toBeGreaterThan(100);
});

test("the messages of an honest worker are read unchanged", () => {
  const text = fc.option(fc.string());
  const json = fc.option(fc.json());
  const ms = fc.double({ min: 0, max: 1e13, noNaN: true });
  const end: fc.Arbitrary<AttemptResult> = fc.record({
    position: fc.constant(0),
    isDone: fc.boolean(),
    durationMs: ms,
    agoMs: ms,
    text: json,
    retry: fc.oneof(fc.constant(null), fc.constant("never" as const), ms),
    output: fc.oneof(
      fc.constant(null),
      fc.record({ stdout: fc.string(), stderr: text }),
      fc.record({ stdout: text, stderr: fc.string() }),
    ),
    isByStopSignal: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.nat(), fc.nat(9), fc.array(end), (chunk, first, given) => {
      const ends = given.map((each, i) => {
        // Only a job that failed can have ended by a stop signal.
        const isByStopSignal = each.isByStopSignal && !each.isDone ? true : undefined;
        return { ...each, position: first + i, isByStopSignal, usage: null };
      });
      const packer = new ResultPacker(chunk);
      for (const end of ends) {
        const { durationMs, output, agoMs } = end;
        packer.add(end.position, end, { durationMs, output, endedAt: -agoMs });
      }
      const message = packer.take(0, null);
      if (ends.length === 0) return expect(message).toBeNull();
      const parsed = parseWorkerMessage(message);
      if (parsed.kind !== "ended") throw new Error(`it is ${parsed.kind}`);
      expect(parsed.ends.chunk).toBe(chunk);
      // As text: a record that fast-check makes may have no prototype.
      const sent = JSON.stringify(ends);
      expect(JSON.stringify(one(parsed.ends))).toBe(sent);
      expect(JSON.stringify(inRuns(parsed.ends))).toBe(sent);
    }),
    fuzz,
  );
});
