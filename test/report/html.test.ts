import { expect, test } from "bun:test";

import { escapeHtml, html } from "../../src/report/html.ts";
import { reportPage } from "../../src/report/page/report-page.ts";
import { styleSource } from "../../src/report/page/style.ts";
import { sampleFigures } from "./sample-figures.ts";

const hostile = `</style><script>alert("1")</script>'"&<img src=x onerror=alert(1)>`;

/** The tags of a page with their attributes; the text of its style sheet is left out. */
const tagsOf = (page: string) =>
  [...page.replace(/<style>[^]*?<\/style>/, "").matchAll(/<[^>]*>/g)].map(([tag]) => tag);

test("every text that a user can choose is text on the page, and adds no tag to it", () => {
  const page = reportPage(sampleFigures(hostile));
  const harmless = reportPage(sampleFigures("harmless"));
  expect(tagsOf(page).length).toBe(tagsOf(harmless).length);
  const names = (tags: readonly string[]) => tags.map((tag) => /^<\/?\w*/.exec(tag)?.[0]);
  expect(names(tagsOf(page))).toEqual(names(tagsOf(harmless)));
  expect(page).not.toContain("<script");
  expect(page).not.toContain("<img");
});

test("a page about a flow and another posting is titled by their number, not by the flow", () => {
  const figures = sampleFigures("night");
  const heading = /<h1>(.*?)<\/h1>\s*<p class="sub">([^<]*)/;
  const ofFlow = heading.exec(reportPage(figures));
  expect(ofFlow?.[1]).toBe("night");
  expect(ofFlow?.[2]).toMatch(/^Flow 7, 2 stages, posted/);
  const [posting] = figures.postings;
  if (!posting) throw new Error("expected a posting");
  figures.postings.push({ ...posting, id: 3, flow: null, stage: null });
  expect(heading.exec(reportPage(figures))?.slice(1)).toEqual(["3 postings", "1, 2, 3"]);
});

test("a page is one file: it loads nothing, runs nothing and links to nothing", () => {
  const page = reportPage(sampleFigures("night"));
  expect(page).not.toMatch(/https?:|url\(|@import|<script|<link|<iframe|<img| on\w+=| style=/);
  expect(page.length).toBeLessThan(40_000);
});

test("the style sheet of a page is exactly the one that the policy of the web server allows", () => {
  const [, text = ""] = /<style>([^]*)<\/style>/.exec(reportPage(sampleFigures("night"))) ?? [];
  const digest = new Bun.CryptoHasher("sha256").update(text).digest("base64");
  expect(styleSource).toBe(`'sha256-${digest}'`);
});

test("templates escape values, and keep HTML and lists of it", () => {
  const items = ["<a>", "&"].map((text) => html`<i>${text}</i>`);
  expect(html`<p class="${'"'}">${items}${null}${1}</p>`.text).toBe(
    '<p class="&quot;"><i>&lt;a&gt;</i><i>&amp;</i>1</p>',
  );
});

test("control characters are visible, and nothing turns the direction of text around", () => {
  expect(escapeHtml("a\u0000b\u001b[31m\u007f\u009bc")).toBe("a\u2400b\u241b[31m\u2421\ufffdc");
  expect(escapeHtml("a\u202eb\u2067c\ud800")).toBe("a\ufffdb\ufffdc\ufffd");
  expect(escapeHtml("line\n\ttab é 日本")).toBe("line\n\ttab é 日本");
});
