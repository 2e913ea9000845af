// The pages of reports and of `pdoflow web` in a real browser.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Browser } from "puppeteer-core";

import { until } from "../binary/cli.ts";
import { openQueueCommands, type QueueCommands } from "../binary/queue-cli.ts";
import { type OpenWeb, openWeb } from "../cli/web/open-web.ts";
import { freshDatabase, type TestDatabase } from "../database.ts";
import { chromium, openBrowser } from "./chromium.ts";
import { postMillion } from "./million-posting.ts";
import { groundOf, leastContrastOf, overflowOf, type Theme, watchedPage } from "./watched-page.ts";

const isMissing = chromium === null;
if (isMissing) console.log("no chromium on the PATH: the pages are not tested in a browser");

const hostile = `</title></style><script>window.hacked = 1; alert(1)</script><img src=x onerror=alert(2)>"'&`;

let db: TestDatabase;
let cli: QueueCommands;
let browser: Browser;
let web: OpenWeb;
let origin: string;
let million: number;
/** The paths of pages by what is on them. */
const paths: Record<string, string> = {};

beforeAll(async () => {
  if (isMissing) return;
  db = await freshDatabase();
  cli = await openQueueCommands(db);
  await fill();
  browser = await openBrowser();
  web = await openWeb(cli, "--show-values");
  ({ origin } = web.url);
}, 120_000);

afterAll(async () => {
  if (isMissing) return;
  await browser.close();
  await web[Symbol.asyncDispose]();
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});

/** A queue with all kinds of postings: with hostile texts, empty, of a flow, of a million jobs. */
async function fill(): Promise<void> {
  const stage = (name: string, more = "") =>
    `[stage.${name}]\nrun = "fn.ts#quick"\neach = "1-30"\n${more}\n`;
  const file = [
    ...['name = "night"\n', stage("first"), stage("second", 'after = "first"')],
    ...[
      '[stage.third]\nrun = "fn.ts#quick"\nover = "first"\n',
      stage("fourth", 'after = ["second", "third"]'),
    ],
  ];
  await cli.write("f.toml", file.join(""));
  expect(await cli.run("flow", "post", "f.toml", "--no-check")).toMatchObject({ code: 0 });
  const failed = await cli.post(
    Array.from({ length: 40 }, (_, i) => i),
    "--name",
    "failing",
  );
  await cli.drain();
  const text = JSON.stringify({ name: hostile, message: `${hostile}\n${hostile}`, stack: hostile });
  await db.sql`update pdoflow.outcome_run set errors = ${text} where state = 'failed'`;
  await db.sql`update pdoflow.pool set host = ${hostile.slice(0, 255)}, version = ${hostile.slice(0, 100)}`;
  await db.sql`update pdoflow.posting set entry_point = ${hostile}, reason = ${hostile} where id = ${failed}`;
  const empty = await cli.post([1], "fn.ts#quick", "--after-failed", "1");
  million = await postMillion(db.db);
  Object.assign(paths, {
    overview: "/",
    failed: `/posting/${failed}`,
    empty: `/posting/${empty}`,
    flow: "/flow/1",
    million: `/posting/${million}`,
  });
}

test.skipIf(isMissing)(
  "pages fit at two widths, light and dark, and the browser complains of nothing",
  async () => {
    for (const path of Object.values(paths)) await web.page(path);
    const grounds = new Map<Theme, string>();
    for (const [name, path] of Object.entries(paths)) {
      for (const width of [390, 1280]) {
        for (const theme of ["light", "dark"] as const) {
          const access = { url: origin, text: web.cookie };
          await using watched = await watchedPage(browser, { width, theme, cookie: access });
          const { page, complaints } = watched;
          await page.goto(`${origin}${path}?still`);
          const what = `${name}, ${width}, ${theme}`;
          expect({ what, complaints }).toEqual({ what, complaints: [] });
          expect({ what, overflow: await overflowOf(page) }).toEqual({ what, overflow: 0 });
          const contrast = await leastContrastOf(page);
          if (contrast.ratio < 4.5) throw new Error(`${what}: ${JSON.stringify(contrast)}`);
          expect(await page.evaluate("window.hacked")).toBeUndefined();
          expect(await page.$$eval("script, img, iframe, link", (all) => all.length)).toBe(0);
          grounds.set(theme, await groundOf(page));
        }
      }
    }
    expect(grounds.get("light")).toBe("rgb(255, 255, 255)");
    expect(grounds.get("dark")).not.toBe("rgb(255, 255, 255)");
  },
  300_000,
);

test.skipIf(isMissing)(
  "the policy would stop a script and a style, and this test would see it",
  async () => {
    const access = { url: origin, text: web.cookie };
    await using watched = await watchedPage(browser, {
      width: 800,
      theme: "light",
      cookie: access,
    });
    const { page, complaints } = watched;
    await page.goto(`${origin}/?still`);
    await page.evaluate(`
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
      document.body.setAttribute("style", "color: red")`);
    await until("a violation", async () => complaints.includes("policy violation"));
    expect(await page.evaluate("window.hacked")).toBeUndefined();
  },
  60_000,
);

test.skipIf(isMissing)(
  "a browser that opens the printed URL has the page, and no token in its address",
  async () => {
    await using web = await openWeb(cli);
    await using watched = await watchedPage(browser, { width: 800, theme: "light" });
    await watched.page.goto(web.url.href);
    expect(watched.page.url()).not.toContain("token");
    expect(await watched.page.title()).toBe("pdoflow");
    await watched.page.goto(new URL("/posting/1", web.url).href);
    expect(watched.complaints).toEqual([]);
  },
  60_000,
);

test.skipIf(isMissing)(
  "pages of a million jobs are answered within 200 ms, and their report has less than 300 kB",
  async () => {
    const times: number[] = [];
    // Of a new server: also while the figures are being added up.
    await using web = await openWeb(cli);
    await until("the figures of a million jobs", async () => {
      const begun = performance.now();
      const text = await (await web.get(`/posting/${million}`)).text();
      times.push(performance.now() - begun);
      return text.includes("1,000,000 jobs are done") && times.length >= 20;
    });
    const sorted = times.sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    console.log(
      `${times.length} pages of a million jobs: median ${median.toFixed(1)} ms, longest ${sorted.at(-1)?.toFixed(1)} ms`,
    );
    expect(sorted.at(-1)).toBeLessThan(200);
    const began = performance.now();
    expect(await cli.run("report", String(million), "-o", "m.html")).toMatchObject({ code: 0 });
    const { size } = statSync(join(cli.folder, "m.html"));
    console.log(
      `report of a million jobs: ${Math.round(performance.now() - began)} ms, ${size} bytes`,
    );
    expect(size).toBeLessThan(300_000);
  },
  120_000,
);

test.skipIf(isMissing)(
  "a report file opens without a server, and prints in black on white",
  async () => {
    await cli.run("report", "--flow", "last", "-o", "flow.html");
    await using watched = await watchedPage(browser, { width: 1280, theme: "dark" });
    const { page, complaints } = watched;
    await page.goto(`file://${join(cli.folder, "flow.html")}`);
    await page.emulateMediaType("print");
    const ground = await groundOf(page);
    expect(ground).toBe("rgb(255, 255, 255)");
    const pdf = await page.pdf({ format: "A4" });
    expect(Buffer.from(pdf.slice(0, 5)).toString()).toBe("%PDF-");
    expect(complaints).toEqual([]);
    expect(readFileSync(join(cli.folder, "flow.html"), "utf8")).toContain("All 120 jobs are done.");
  },
  60_000,
);
