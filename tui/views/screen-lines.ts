import type { Scene } from "../state/columns.ts";
import type { Line } from "../draw/frame.ts";
import { line } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import { type Model, placeOf } from "../state/model.ts";
import { footerLines } from "./footer.ts";
import { headerLines, tabLine } from "./header.ts";
import { helpLines } from "./help.ts";
import { jobLines, jobsLines } from "./jobs.ts";
import { numbersLines } from "./metrics.ts";
import { overviewLines, type Placed } from "./overview.ts";

/** Smaller than that nothing is drawn but a sentence. */
const least = { columns: 30, rows: 6 };

/** What is on each row of the screen, and where there is something to click. */
export function screenLines(model: Model, glyphs: Glyphs): Placed[] {
  const { columns, rows } = model.size;
  if (columns < least.columns || rows < least.rows) {
    const text = `needs ${least.columns}x${least.rows}`;
    return [{ line: line(text), hit: null }];
  }
  const scene: Scene = { model, glyphs };
  const place = placeOf(model);
  const isTop = place.kind === "overview" || place.kind === "numbers";
  const above = [...headerLines(scene), ...(isTop && rows >= 8 ? [tabLine(model)] : [])];
  const below = footerLines(model).slice(0, 3);
  const height = Math.max(0, rows - above.length - below.length);
  const middle = middleLines(scene, height).slice(0, height);
  while (middle.length < height) middle.push(plain(line("")));
  return [...above.map(plain), ...middle, ...below.map(plain)].slice(0, rows);
}

const plain = (each: Line): Placed => ({ line: each, hit: null });

function middleLines(scene: Scene, height: number): Placed[] {
  const { model } = scene;
  const place = placeOf(model);
  if (model.prompt?.kind === "help") {
    return helpLines(model, model.prompt.top, height).map(plain);
  }
  switch (place.kind) {
    case "overview":
      return overviewLines(scene, height);
    case "numbers":
      return numbersLines(scene, height).map(plain);
    case "jobs":
      return jobsLines(scene, place, height).map(plain);
    case "job":
      return jobLines(scene, place, height).map(plain);
  }
}
