import { expect, test } from "bun:test";
import { EventEmitter } from "node:events";

import { runTop, type TopOptions } from "../../tui/top.ts";
import type { Snapshot } from "../../src/db/dashboard/top-snapshot.ts";
import type { TopSource } from "../../tui/state/source.ts";
import { until } from "../binary/cli.ts";
import { busy, metrics, terminals } from "./scene.ts";

/** The two streams of a terminal, made of nothing. */
class FakeInput extends EventEmitter {
  isRaw = false;
  setRawMode(isRaw: boolean) {
    this.isRaw = isRaw;
  }
  resume() {}
  pause() {}
}

class FakeOutput extends EventEmitter {
  columns = 100;
  rows = 30;
  sent = "";
  /** Whether it has room for more. */
  takes = true;
  write(text: string): boolean {
    this.sent += text;
    return this.takes;
  }
}

function setUp(source: Partial<TopSource>, more: Partial<TopOptions> = {}) {
  const [input, output] = [new FakeInput(), new FakeOutput()];
  let stop: (signal: string) => void = () => {};
  let bug: (error: unknown) => void = () => {};
  const ended = runTop({
    source: {
      snapshot: () => Promise.resolve(busy),
      jobs: () => Promise.resolve({ rows: [], next: null, end: 0 }),
      job: () => Promise.resolve(null),
      pool: () => Promise.resolve(null),
      metrics: () => Promise.resolve(metrics),
      schedules: () => Promise.resolve([]),
      act: () => Promise.resolve("done"),
      ...source,
    },
    ...{ input, output, outputFile: null, terminal: terminals.color, theme: "default" },
    ...{ hasMouse: true, readOnly: null, everyMs: 20 },
    save: () => Promise.resolve("file"),
    suspend: () => Promise.resolve(),
    onStopSignal: (listener) => {
      stop = listener;
      return () => {};
    },
    onBug: (listener) => {
      bug = listener;
      return () => {};
    },
    onContinue: () => () => {},
    isOrphaned: () => false,
    messageOf: String,
    ...more,
  });
  return {
    ...{ input, output, ended },
    stop: (signal: string) => stop(signal),
    bug: (error: unknown) => bug(error),
    type: (keys: string) => input.emit("data", Buffer.from(keys)),
    sends: (text: string) =>
      until(`"${text}" to be sent`, () => Promise.resolve(output.sent.includes(text)), 5_000),
  };
}

const leaves = "\u001b[?1049l";

test("a fault of the dashboard itself releases the terminal, and is thrown", async () => {
  const broken = { ...busy, postings: null } as unknown as Snapshot;
  const top = setUp({ snapshot: () => Promise.resolve(broken) });
  const error: unknown = await top.ended.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TypeError);
  expect(top.output.sent).toEndWith(leaves);
  expect(top.input.isRaw).toBe(false);
});

test("an uncaught error elsewhere in the process restores the terminal too", async () => {
  const top = setUp({});
  await top.sends("spectra");
  top.bug(new RangeError("elsewhere"));
  const error: unknown = await top.ended.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RangeError);
  expect(top.output.sent).toEndWith(leaves);
});

test("there are never two refreshes at once, however often one is asked for", async () => {
  let [now, most, all] = [0, 0, 0];
  const top = setUp({
    snapshot: async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 15));
      now -= 1;
      all += 1;
      return busy;
    },
  });
  await until("20 refreshes", () => {
    top.type("R");
    return Promise.resolve(all >= 20);
  });
  top.type("q");
  expect(await top.ended).toBeNull();
  expect(most).toBe(1);
});

test("an error of the server is a banner, and the next refresh takes it away", async () => {
  let tries = 0;
  const top = setUp({
    snapshot: () => {
      tries += 1;
      return tries === 2 ? Promise.reject(new Error("cannot use it")) : Promise.resolve(busy);
    },
  });
  await top.sends("cannot use it");
  await until("another try", () => Promise.resolve(tries >= 4));
  top.type("q");
  expect(await top.ended).toBeNull();
});

test("while it is frozen nothing is asked of the server", async () => {
  let asked = 0;
  const top = setUp({
    snapshot: () => {
      asked += 1;
      return Promise.resolve(busy);
    },
  });
  await top.sends("spectra");
  top.type("f");
  await top.sends("FROZEN");
  const before = asked;
  top.type("jjkk");
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(asked).toBeLessThanOrEqual(before + 1); // one was on its way
  top.type("f");
  await until("a refresh", () => Promise.resolve(asked > before + 1));
  top.type("q");
  await top.ended;
});

test("a terminal that takes nothing is not flooded, and gets the newest frame once it does", async () => {
  const top = setUp({});
  await top.sends("spectra");
  top.output.takes = false;
  top.type("?");
  await top.sends("Moving");
  const { length } = top.output.sent;
  for (let i = 0; i < 50; i++) {
    top.type(i % 2 === 0 ? "q" : "?");
    await new Promise((resolve) => setImmediate(resolve));
  }
  top.type("q/zzz");
  await new Promise((resolve) => setImmediate(resolve));
  expect(top.output.sent.length).toBe(length);
  top.output.takes = true;
  top.output.emit("drain");
  await top.sends("zzz");
  top.stop("SIGTERM");
  expect(await top.ended).toBe("SIGTERM");
});

test("an action by keys reaches the source once, and its result is shown", async () => {
  const acts: unknown[] = [];
  const top = setUp({
    act: (action) => {
      acts.push(action);
      return Promise.resolve("paused 1 posting");
    },
  });
  await top.sends("spectra");
  top.type("pyyyy");
  await top.sends("paused 1 posting");
  expect(acts).toEqual([{ kind: "pause", ids: [42] }]);
  top.type("q");
  await top.ended;
});

test("top ends when its input ends", async () => {
  const top = setUp({});
  await top.sends("spectra");
  top.input.emit("end");
  expect(await top.ended).toBe("SIGHUP");
});

test("a slow server is asked less often", async () => {
  const times: number[] = [];
  const top = setUp({
    snapshot: async () => {
      times.push(performance.now());
      await new Promise((resolve) => setTimeout(resolve, 60));
      return busy;
    },
  });
  await until("three refreshes", () => Promise.resolve(times.length >= 3));
  top.type("q");
  await top.ended;
  const [first = 0, second = 0] = times;
  // Ten times as long as it took, not each 20 ms.
  expect(second - first).toBeGreaterThan(500);
});
