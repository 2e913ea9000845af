import { failureColumns, poolColumns, type Scene } from "../state/columns.ts";
import { postingColumns } from "../state/posting-columns.ts";
import type { Line } from "../draw/frame.ts";
import { line } from "../draw/frame.ts";
import {
  chosenRow,
  keyOfFailure,
  keyOfPool,
  keyOfPosting,
  shownFailures,
  shownPools,
  shownPostings,
} from "../state/lists.ts";
import { type Pane, panes } from "../state/model.ts";
import { type Column, Table } from "../draw/table.ts";

/** A line of the overview, and what a click on it chooses. */
export interface Placed {
  line: Line;
  hit: { pane: Pane; key: string | null } | null;
}

/** From so many lines on, all three lists are shown, one under the other. */
const roomForAll = 18;

export function overviewLines(scene: Scene, height: number): Placed[] {
  const { model } = scene;
  if (height < roomForAll) return paneLines(scene, model.pane, height, false);
  const sizes = {
    pools: model.snapshot?.pools.length ?? 0,
    failures: model.snapshot?.failures.length ?? 0,
  };
  const least = 5;
  const part = (pane: "pools" | "failures") => {
    const most = Math.floor(height / (model.pane === pane ? 2 : 4));
    return Math.max(least, Math.min(sizes[pane] + 3, most));
  };
  const heights = { pools: part("pools"), failures: part("failures"), postings: 0 };
  heights.postings = height - heights.pools - heights.failures;
  return panes.flatMap((pane) => paneLines(scene, pane, heights[pane], true));
}

function paneLines(scene: Scene, pane: Pane, height: number, hasTitle: boolean): Placed[] {
  const { model } = scene;
  switch (pane) {
    case "postings":
      return listLines(scene, pane, height, hasTitle, {
        rows: shownPostings(model),
        keyOf: keyOfPosting,
        columns: postingColumns(scene),
      });
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

interface ListOf<Row> {
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  columns: readonly Column<Row>[];
}

function listLines<Row>(
  scene: Scene,
  pane: Pane,
  height: number,
  hasTitle: boolean,
  { rows, keyOf, columns }: ListOf<Row>,
): Placed[] {
  const { model, glyphs } = scene;
  const list = model.lists[pane];
  const isHere = model.pane === pane;
  const table = new Table(columns, model.size.columns, glyphs);
  const keys = rows.map(keyOf);
  const chosen = chosenRow(list, keys);
  const placed: Placed[] = [];
  if (hasTitle)
    placed.push({ line: titleLine(scene, pane, rows.length), hit: { pane, key: null } });
  placed.push({ line: table.header(columns[list.sortedBy - 1], list.isReversed), hit: null });
  const room = Math.max(0, height - placed.length);
  // The chosen row stays in sight, in the middle where the list is longer than the screen.
  const top = Math.max(0, Math.min(chosen - Math.floor(room / 2), rows.length - room));
  rows.slice(top, top + room).forEach((row, at) => {
    const key = keys[top + at] ?? "";
    const isChosen = isHere && top + at === chosen;
    const choice = { isChosen, isMarked: list.marked.has(key) };
    placed.push({ line: table.row(row, choice), hit: { pane, key } });
  });
  if (rows.length === 0) {
    placed.push(...emptyLines(scene, pane).map((each) => ({ line: each, hit: null })));
  }
  const blank: Placed = { line: line(""), hit: null };
  while (placed.length < height) placed.push(blank);
  return placed.slice(0, height);
}

function titleLine({ model, glyphs }: Scene, pane: Pane, rows: number): Line {
  const number = panes.indexOf(pane) + 1;
  const text = `${glyphs.rule} ${number} ${pane} ${rows} `;
  const rest = glyphs.rule.repeat(Math.max(0, model.size.columns - text.length));
  return line(
    { text, tone: model.pane === pane ? "title" : "strong" },
    { text: rest, tone: "dim" },
  );
}

/** Something to see at first start. */
function emptyLines({ model }: Scene, pane: Pane): Line[] {
  if (model.snapshot === null) return [line("", { text: "  connecting", tone: "dim" })];
  if (model.lists[pane].filter !== "") {
    return [line({ text: "  nothing passes the filter; Esc takes it away", tone: "warn" })];
  }
  switch (pane) {
    case "postings":
      return [
        line("  No postings yet. Post one:"),
        line({ text: "    pdoflow post fn.ts#name args.json", tone: "key" }),
        line("  or see one at work:"),
        line({ text: "    pdoflow demo", tone: "key" }),
      ];
    case "pools":
      return [line("  No pools. Start one: ", { text: "pdoflow pool", tone: "key" })];
    case "failures":
      return [line({ text: "  No failures.", tone: "good" })];
  }
}
