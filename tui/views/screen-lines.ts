import type { Scene } from "../state/columns.ts";
import { type Line, line } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import { type Model, viewOf } from "../state/model.ts";
import { footerLines } from "./footer.ts";
import { headerLines, tabLine } from "./header.ts";
import { helpLines } from "./help.ts";
import { jobLines, jobsLines } from "./jobs.ts";
import { metricsLines } from "./metrics.ts";
import { scheduleLines } from "./schedules.ts";
import { poolLines } from "./pool.ts";
import { overviewLines, type ScreenLine } from "./overview.ts";

/** On a smaller screen only a sentence is drawn. */
const least = { columns: 30, rows: 6 };

/** The rows of the screen, and the row that a click on each chooses. */
export function screenLines(model: Model, glyphs: Glyphs): ScreenLine[] {
  const { columns, rows } = model.size;
  if (columns < least.columns || rows < least.rows) {
    const text = `needs ${least.columns}x${least.rows}`;
    return [{ line: line(text), hit: null }];
  }
  const scene: Scene = { model, glyphs };
  const view = viewOf(model);
  const isTop = ["overview", "metrics", "schedules"].includes(view.kind);
  const above = [...headerLines(scene), ...(isTop && rows >= 8 ? [tabLine(model)] : [])];
  const below = footerLines(model).slice(0, 3);
  const height = Math.max(0, rows - above.length - below.length);
  const middle = middleLines(scene, height).slice(0, height);
  while (middle.length < height) middle.push(plain(line("")));
  return [...above.map(plain), ...middle, ...below.map(plain)].slice(0, rows);
}

const plain = (each: Line): ScreenLine => ({ line: each, hit: null });

function middleLines(scene: Scene, height: number): ScreenLine[] {
  const { model } = scene;
  const view = viewOf(model);
  if (model.prompt?.kind === "help") {
    return helpLines(model, model.prompt.top, height).map(plain);
  }
  switch (view.kind) {
    case "overview":
      return overviewLines(scene, height);
    case "metrics":
      return metricsLines(scene, height).map(plain);
    case "schedules":
      return scheduleLines(scene, view, height).map(plain);
    case "jobs":
      return jobsLines(scene, view, height).map(plain);
    case "job":
      return jobLines(scene, view, height).map(plain);
    case "pool":
      return poolLines(scene, view, height).map(plain);
  }
}
