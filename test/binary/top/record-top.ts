// Makes the recording of `pdoflow top` in docs/, from a real pool at work: npm run record
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Emulated, emulated, keys } from "./emulated.ts";
import { openQueueCli, type QueueCli } from "../queue-cli.ts";
import { animation, pictureOf } from "./recording-svg.ts";

const docs = join(import.meta.dir, "../../../docs");
const [columns, rows] = [100, 28];
const source = `
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export async function fit(i: number) { await wait(20 + (i * 7) % 40); return i / 2; }
export async function calibrate(i: number) {
  await wait(15);
  if (i % 11 === 5) throw new RangeError("frame " + i + ": no stars found");
  if (i % 37 === 9) throw new TypeError("cannot read properties of undefined (reading 'flux')");
  console.log("frame", i, "calibrated");
  return i;
}
`;

/** A night of frames to calibrate, and spectra to fit. */
async function postAll(cli: QueueCli): Promise<void> {
  await cli.write("survey.ts", source);
  const post = async (entry: string, count: number, ...options: string[]) => {
    const input = JSON.stringify(Array.from({ length: count }, (_, i) => [i]));
    const flags = ["--max-attempts", "1", "--stop-after", "0", "--no-check", ...options];
    const run = await cli.runWith({ input }, "post", `survey.ts#${entry}`, "-", ...flags);
    if (run.code !== 0) throw new Error(run.err);
  };
  await post("calibrate", 800, "--name", "night_0412", "--output", "all");
  await post("fit", 3_000, "--name", "spectra");
}

/** Navigates as a person would, from an overview to one error and back. */
async function visit(top: Emulated, watch: (forSeconds: number) => Promise<void>): Promise<void> {
  await top.shows("night_0412");
  await Bun.sleep(2_000); // several snapshots: rates and curves need more than one
  await watch(5);
  top.type("3");
  await top.shows("RangeError");
  await watch(1);
  top.type(keys.enter);
  await top.shows(/\d+\/5 .*RangeError/);
  await watch(1.5);
  top.type(keys.enter);
  await top.shows("stack");
  await watch(2.5);
  top.type("1");
  await top.shows("1 postings");
  await watch(1);
  top.type("p");
  await top.shows("y/n");
  await watch(1.5);
  top.type("y");
  await top.shows("paused 1 posting");
  await watch(2);
  top.type("4");
  await watch(2.5);
  top.type("q");
  await top.exited;
}

async function record(): Promise<void> {
  await using db = await freshDatabase();
  using cli = await openQueueCli(db);
  await postAll(cli);
  const pool = cli.start("pool", "--max-workers", "8");
  // The first frame shows jobs that have ended, failed and run.
  await cli.run("wait", "1", "--until", "20%");

  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  const events: [number, string, string][] = [];
  const decoder = new TextDecoder();
  const frames: { at: number; svg: string }[] = [];
  const env = { ...cli.env, COLORTERM: "truecolor" };
  {
    await using top = emulated([...cli.command, "top", "--delay", "0.5"], {
      ...{ env, columns, rows, cwd: cli.folder },
      onSent: (bytes) => events.push([seconds(), "o", decoder.decode(bytes, { stream: true })]),
    });
    const see = () => frames.push({ at: seconds(), svg: pictureOf(top.terminal) });
    /** Takes pictures for a while. */
    const watch = async (forSeconds: number) => {
      for (const until = seconds() + forSeconds; seconds() < until;) {
        see();
        await Bun.sleep(500);
      }
    };
    await visit(top, watch);
  }
  pool.kill();
  await pool.exited;

  // What came before the first picture is there at once.
  const firstAt = frames[0]?.at ?? 0;
  const header = { version: 2, width: columns, height: rows, title: "pdoflow top" };
  const cue = ([at, ...rest]: (typeof events)[number]) => [
    Number(Math.max(0, at - firstAt).toFixed(3)),
    ...rest,
  ];
  const lines = [header, ...events.map(cue)];
  writeFileSync(
    join(docs, "top.cast"),
    `${lines.map((each) => JSON.stringify(each)).join("\n")}\n`,
  );
  writeFileSync(join(docs, "top.svg"), animation(frames, { columns, rows }));
}

await record();
process.exit(0); // the server of this run is ended by its keeper, which we would wait for
