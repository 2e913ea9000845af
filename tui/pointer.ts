import { obey } from "./state/commands.ts";
import { fold, move, open } from "./state/moving.ts";
import { flowOfKey } from "./state/flow-rows.ts";
import { glyphsOf } from "./draw/glyphs.ts";
import { type Event, type Model, type Step, viewOf } from "./state/model.ts";
import { tabs } from "./views/header.ts";
import { screenLines } from "./views/screen-lines.ts";
import { textOf } from "./draw/frame.ts";
import { widthOf } from "./draw/text.ts";

/** The position of rows does not depend on the glyphs. */
const anyGlyphs = glyphsOf({ isUtf8: false, hasBraille: false });

const wheelRows = 3;

/** A click chooses a row, opens the chosen one, or folds an open flow; on a tab it goes there. */
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
  if (isChosen) {
    const folded = flowOfKey(key) === null ? null : fold(model);
    return folded ? { model: folded, effects: [] } : open(model);
  }
  const list = { ...model.lists[pane], chosen: key };
  return { model: { ...model, pane, lists: { ...model.lists, [pane]: list } }, effects: [] };
}

/** Finds the clicked row by its distance from the chosen one, which is on the screen. */
function clickInJobs(model: Model, y: number, rows: number): Step {
  const view = viewOf(model);
  if (view.kind !== "jobs" || !model.page) return { model, effects: [] };
  const lines = screenLines(model, anyGlyphs);
  const chosenY = lines.findIndex(({ line }) => line.isChosen);
  const row = view.row + y - chosenY;
  if (chosenY < 0 || y >= rows - 1 || row < 0 || row >= model.page.rows.length) {
    return { model, effects: [] };
  }
  return row === view.row ? open(model) : move(model, row - view.row);
}
