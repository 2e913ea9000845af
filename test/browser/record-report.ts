// Makes the pictures of docs/report.md from real runs: npm run record:report
import { statSync } from "node:fs";
import { join } from "node:path";

import { openCommands } from "../cli/in-process.ts";
import { freshDatabase } from "../database.ts";
import { openBrowser } from "./chromium.ts";

const docs = join(import.meta.dir, "../../docs");
const mostBytes = 150_000;

const work = `
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export async function reduce(n) {
  await sleep(8 * Math.exp(1.3 * Math.random() + Math.random()));
  return n;
}
export async function fit(n) {
  await sleep(10 * Math.exp(2.4 * Math.random() * Math.random()));
  if (n % 97 === 0) throw new TypeError('the frame has no column "flux"');
  if (Math.random() < 0.04) throw new RangeError("no convergence after 200 steps");
  return n;
}
export async function catalogue() {
  await sleep(700);
  return "catalogue.fits";
}
`;

const flow = `name = "night"

[stage.fetch]
run = "reduce.ts#reduce"
each = "1-400"

[stage.flat]
run = "reduce.ts#reduce"
each = "1-60"

[stage.dark]
run = "reduce.ts#reduce"
each = "1-30"

[stage.reduce]
run = "reduce.ts#reduce"
over = "fetch"
after = ["flat", "dark"]

[stage.measure]
run = "reduce.ts#reduce"
over = "reduce"
max-running = 4

[stage.astrometry]
run = "reduce.ts#reduce"
over = "reduce"

[stage.catalogue]
run = "reduce.ts#catalogue"
no-args = true
after = ["measure", "astrometry"]
`;

const db = await freshDatabase();
const cli = await openCommands(db);

async function must(...words: string[]): Promise<string> {
  const { code, out, err } = await cli.run(...words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${err}`);
  return out.trim();
}

async function drain(): Promise<void> {
  // Their exit code is 1 if jobs failed.
  await Promise.all([4, 2].map((jobs) => cli.run("pool", "--once", "-j", String(jobs))));
}

await cli.write("reduce.ts", work);
await cli.write("night.toml", flow);
await must("flow", "post", "night.toml");
await drain();
const fit = ["post", "reduce.ts#fit", "--each", "1-1500", "--name", "light-curves"];
const failed = await must(...fit, "--max-attempts", "2", "--backoff", "200ms");
await drain();
const empty = await must("post", "reduce.ts#fit", "--each", "1-20", "--after-failed", "1");

/** The position of a heading of the page in pixels. */
const topOf = async (heading: string) =>
  Number(
    await page.evaluate(
      `[...document.querySelectorAll("h2")].find((each) => each.textContent === "${heading}")` +
        ".getBoundingClientRect().top",
    ),
  );

const browser = await openBrowser();
const page = await browser.newPage();
// A whole page would be too large: each picture has a part, between two headings.
for (const [name, words, theme, from, to] of [
  ["report-flow", ["--flow", "last"], "light", null, "When it ran"],
  ["report-failed", [failed], "light", null, "When it ran"],
  ["report-dark", [failed], "dark", "When it ran", "What it used"],
  ["report-empty", [empty], "light", null, null],
] as const) {
  await must("report", ...words, "-o", `${name}.html`);
  await page.setViewport({ width: 900, height: 400 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
  await page.goto(`file://${join(cli.folder, `${name}.html`)}`);
  const top = from === null ? 0 : (await topOf(from)) + 1; // without the line above it
  const height = (to === null ? 560 : await topOf(to)) - top;
  const path = join(docs, `${name}.png`) as `${string}.png`;
  await page.screenshot({ path, clip: { x: 0, y: top, width: 900, height } });
  const { size } = statSync(path);
  console.log(`${name}.png: ${size} bytes`);
  if (size > mostBytes) throw new Error(`expected at most ${mostBytes} bytes of ${name}.png`);
}

// As test/binary/top/record-top.ts: the keeper of the server would be waited for.
await browser.close();
cli[Symbol.dispose]();
await db[Symbol.asyncDispose]();
process.exit(0);
