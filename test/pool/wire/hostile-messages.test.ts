import { expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";

import { InvalidInput } from "../../../src/domain/errors.ts";
import { type AttemptResult, type Ends, ResultPacker } from "../../../src/pool/wire/ends.ts";
import { parseWorkerMessage } from "../../../src/pool/wire/protocol.ts";

setDefaultTimeout(1_500_000);

/** PDOFLOW_TEST_FUZZ=100 runs a hundred times as many; PDOFLOW_TEST_SEED=7 repeats a run. */
const times = Number(process.env["PDOFLOW_TEST_FUZZ"] ?? 1);
const seed = Number(process.env["PDOFLOW_TEST_SEED"] ?? 8);
const fuzz = { numRuns: 3_000 * times, seed };

const number = fc.oneof(
  fc.integer({ min: -2, max: 5 }),
  fc.double(),
  fc.constantFrom(NaN, Infinity, -Infinity, -0, 2 ** 53, 1e308, -1),
);
const kind = fc.constantFrom("ready", "ended", "late", "progress", "profile", "broken", "run", "");
const odd = fc.anything({
  withNullPrototype: true,
  withBigInt: true,
  withDate: true,
  withMap: true,
});
const field = fc.oneof(number, fc.string(), odd);
const told = fc.oneof(fc.tuple(number, field, field, field), odd);

/** Messages that look like a worker's, with anything for each of their fields. */
const lookalike = fc.record(
  {
    kind,
    chunk: fc.oneof(number, odd),
    numbers: fc.oneof(
      fc.array(number).map((all) => new Float64Array(all)),
      odd,
    ),
    details: fc.oneof(fc.array(told), odd),
    position: field,
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
    const { durationsMs, agosMs, results } = ends.columns(i, ends.doneFrom(i));
    if (durationsMs.length === 0) all.push(ends.at(i));
    for (const [k, durationMs] of durationsMs.entries()) {
      const [position, text] = [ends.position(i) + k, results?.[k] ?? null];
      const times = { durationMs, agoMs: agosMs[k] ?? -1 };
      all.push({ position, isDone: true, ...times, text, retry: null, output: null });
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

test("of ends with odd numbers only those pass that a worker could have told", () => {
  const raw = fc.record({
    kind: fc.constant("ended"),
    chunk: number,
    numbers: fc.array(number, { maxLength: 12 }).map((all) => new Float64Array(all)),
    details: fc.constant([]),
  });
  let passed = 0;
  fc.assert(
    fc.property(raw, (message) => {
      if (refuses(message)) return;
      const parsed = parseWorkerMessage(message);
      if (parsed.kind !== "ended") throw new Error(`it is ${parsed.kind}`);
      expect(parsed.ends.count).toBe(message.numbers.length / 4);
      for (const { position, durationMs, agoMs } of one(parsed.ends)) {
        expect(Number.isInteger(position)).toBe(true);
        for (const ms of [durationMs, agoMs]) expect(ms >= 0 && ms <= 1e13).toBe(true);
        passed++;
      }
    }),
    fuzz,
  );
  expect(passed).toBeGreaterThan(0);
});

test("the messages of an honest worker are read unchanged", () => {
  const text = fc.option(fc.string());
  const ms = fc.double({ min: 0, max: 1e13, noNaN: true });
  const end: fc.Arbitrary<AttemptResult> = fc.record({
    position: fc.nat(3),
    isDone: fc.boolean(),
    durationMs: ms,
    agoMs: ms,
    text,
    retry: fc.oneof(fc.constant(null), fc.constant("never" as const), ms),
    output: fc.option(fc.record({ stdout: text, stderr: text })),
  });
  fc.assert(
    fc.property(fc.nat(), fc.array(end), (chunk, ends) => {
      const packer = new ResultPacker(chunk);
      for (const end of ends) {
        const { durationMs, output, agoMs } = end;
        packer.add(end.position, end, { durationMs, output, endedAt: -agoMs });
      }
      const message = packer.take(0);
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
