import { failureColumns, poolColumns, type Scene } from "../state/columns.ts";
import { keyOfRow, type ListRow } from "../state/flow-rows.ts";
import { postingColumns } from "../state/posting-columns.ts";
import { type Line, line } from "../draw/frame.ts";
import {
  chosenRow,
  keyOfFailure,
  keyOfPool,
  shownFailures,
  shownPools,
  shownPostings,
} from "../state/lists.ts";
import { type Model, type Pane, panes } from "../state/model.ts";
import { type Column, Table } from "../draw/table.ts";

/** A line of the screen, and the row that a click on it chooses. */
export interface ScreenLine {
  line: Line;
  hit: { pane: Pane; key: string | null } | null;
}

/** From this height on all three lists are shown, one below the other. */
const heightForAll = 18;

export function overviewLines(scene: Scene, height: number): ScreenLine[] {
  const { model } = scene;
  if (height < heightForAll) return paneLines(scene, model.pane, height, false);
  const rows = {
    pools: model.snapshot?.pools.length ?? 0,
    failures: model.snapshot?.failures.length ?? 0,
  };
  const least = 5;
  const part = (pane: "pools" | "failures") => {
    const most = Math.floor(height / (model.pane === pane ? 2 : 4));
    return Math.max(least, Math.min(rows[pane] + 3, most));
  };
  const heights = { pools: part("pools"), failures: part("failures"), postings: 0 };
  heights.postings = height - heights.pools - heights.failures;
  return panes.flatMap((pane) => paneLines(scene, pane, heights[pane], true));
}

function paneLines(scene: Scene, pane: Pane, height: number, hasTitle: boolean): ScreenLine[] {
  const { model } = scene;
  switch (pane) {
    case "postings": {
      const rows = shownPostings(model);
      return listLines(scene, pane, height, hasTitle, {
        rows,
        keyOf: keyOfRow,
        columns: postingColumns(scene),
        counted: countedPostings(model, rows),
      });
    }
    case "pools":
      return listLines(scene, pane, height, hasTitle, {
        rows: shownPools(model),
        keyOf: keyOfPool,
        columns: poolColumns(scene),
      });
    case "failures":
      return listLines(scene, pane, height, hasTitle, {
        rows: shownFailures(model),
        keyOf: keyOfFailure,
        columns: failureColumns(scene),
      });
  }
}

/** The number of postings in the rows of the list, also of those in a folded flow. */
function countedPostings(model: Model, rows: readonly ListRow[]): number {
  if (model.lists.postings.filter === "") return model.snapshot?.postings.length ?? 0;
  return rows.reduce(
    (sum, { kind, isOpen, stages }) => sum + (kind !== "flow" ? 1 : isOpen ? 0 : stages.length),
    0,
  );
}

interface List<Row> {
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  columns: readonly Column<Row>[];
  /** The number in the title, if that is not the number of rows. */
  counted?: number;
}

function listLines<Row>(
  scene: Scene,
  pane: Pane,
  height: number,
  hasTitle: boolean,
  { rows, keyOf, columns, counted = rows.length }: List<Row>,
): ScreenLine[] {
  const { model, glyphs } = scene;
  const list = model.lists[pane];
  const isHere = model.pane === pane;
  const table = new Table(columns, rows, { width: model.size.columns, glyphs });
  const keys = rows.map(keyOf);
  const chosen = chosenRow(list, keys);
  const lines: ScreenLine[] = [];
  if (hasTitle) lines.push({ line: titleLine(scene, pane, counted), hit: { pane, key: null } });
  if (rows.length > 0) {
    lines.push({ line: table.header(columns[list.sortedBy - 1], list.isReversed), hit: null });
  }
  const room = Math.max(0, height - lines.length);
  // The chosen row stays in sight, in the middle if the list is longer than the screen.
  const top = Math.max(0, Math.min(chosen - Math.floor(room / 2), rows.length - room));
  rows.slice(top, top + room).forEach((row, at) => {
    const key = keys[top + at] ?? "";
    const isChosen = isHere && top + at === chosen;
    const choice = { isChosen, isMarked: list.marked.has(key) };
    lines.push({ line: table.row(row, choice), hit: { pane, key } });
  });
  if (rows.length === 0) {
    lines.push(...emptyLines(scene, pane).map((each) => ({ line: each, hit: null })));
  }
  const blank: ScreenLine = { line: line(""), hit: null };
  while (lines.length < height) lines.push(blank);
  return lines.slice(0, height);
}

function titleLine({ model, glyphs }: Scene, pane: Pane, rows: number): Line {
  const number = panes.indexOf(pane) + 1;
  const { filter } = model.lists[pane];
  const text = `${glyphs.rule} ${number} ${pane} ${rows} ${filter === "" ? "" : "(filtered) "}`;
  const rest = glyphs.rule.repeat(Math.max(0, model.size.columns - text.length));
  const isHere = model.pane === pane;
  return line(
    { text, tone: isHere ? "title" : "strong" },
    { text: rest, tone: isHere ? "busy" : "dim" },
  );
}

/** Text for a list without rows, with the next step. */
function emptyLines({ model }: Scene, pane: Pane): Line[] {
  if (model.snapshot === null) return [line("", { text: "  connecting", tone: "dim" })];
  if (model.lists[pane].filter !== "") {
    return [line({ text: "  Nothing matches the filter. Press Esc to remove it.", tone: "warn" })];
  }
  switch (pane) {
    case "postings":
      return [
        line("  No postings yet. Post one:"),
        line({ text: "    pdoflow post fn.ts#name args.json", tone: "key" }),
        line("  or watch an example:"),
        line({ text: "    pdoflow demo", tone: "key" }),
      ];
    case "pools":
      return [line("  No pools. Start one: ", { text: "pdoflow pool", tone: "key" })];
    case "failures":
      return [line({ text: "  No failures.", tone: "good" })];
  }
}
