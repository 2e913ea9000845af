import { move, open, obey } from "./state/commands.ts";
import type { Glyphs } from "./draw/glyphs.ts";
import type { Event, Model, Step } from "./state/model.ts";
import { placeOf } from "./state/model.ts";
import { tabs } from "./views/header.ts";
import { screenLines } from "./views/screen-lines.ts";
import { textOf } from "./draw/frame.ts";
import { widthOf } from "./draw/text.ts";

/** Where rows are does not depend on what they are drawn with. */
const anyGlyphs: Glyphs = {
  chosen: ">",
  marked: "*",
  failed: "!",
  none: "-",
  more: "~",
  full: "#",
  empty: ".",
  levels: ["#"],
  rule: "-",
  hasBraille: false,
};

const wheelRows = 3;

/** A click chooses a row, or opens the chosen one; on a tab it goes there. */
export function onMouse(model: Model, event: Extract<Event, { kind: "mouse" }>): Step {
  const none: Step = { model, effects: [] };
  if (model.prompt) return none;
  if (event.action !== "click")
    return move(model, event.action === "wheelup" ? -wheelRows : wheelRows);
  const placed = screenLines(model, anyGlyphs);
  const { line, hit } = placed[event.y] ?? {};
  if (!line) return none;
  const tabText = tabs(model)
    .map(({ text }) => text)
    .join("");
  if (textOf(line) === tabText.trimEnd()) {
    let x = 0;
    for (const { name, text } of tabs(model)) {
      x += widthOf(text);
      if (event.x < x) return obey(model, name);
    }
    return none;
  }
  if (!hit) return clickInJobs(model, event.y, placed.length);
  const { pane, key } = hit;
  if (key === null) return { model: { ...model, pane }, effects: [] };
  const isChosen = model.pane === pane && line.isChosen === true;
  if (isChosen) return open(model);
  const list = { ...model.lists[pane], chosen: key };
  return { model: { ...model, pane, lists: { ...model.lists, [pane]: list } }, effects: [] };
}

/** The rows of a page are found from the chosen one, which is on the screen. */
function clickInJobs(model: Model, y: number, rows: number): Step {
  const place = placeOf(model);
  if (place.kind !== "jobs" || !model.page) return { model, effects: [] };
  const lines = screenLines(model, anyGlyphs);
  const chosenY = lines.findIndex(({ line }) => line.isChosen);
  const row = place.row + y - chosenY;
  if (chosenY < 0 || y >= rows - 1 || row < 0 || row >= model.page.rows.length) {
    return { model, effects: [] };
  }
  return row === place.row ? open(model) : move(model, row - place.row);
}
