import { failureColumns, poolColumns, type Scene } from "./columns.ts";
import { foldFlows, keyOfRow, type ListRow, stageRows } from "./flow-rows.ts";
import { postingColumns } from "./posting-columns.ts";
import { type Facts, factsOfFailure, factsOfPool, factsOfPosting, filterOf } from "./filter.ts";
import { glyphsOf } from "../draw/glyphs.ts";
import type { ListState, Model, Pane } from "./model.ts";
import type { TopFailure, TopPool } from "../../src/db/dashboard/top-snapshot.ts";
import type { Column } from "../draw/table.ts";

export const keyOfPool = ({ id }: TopPool): string => String(id);
export const keyOfFailure = ({ postingId, fingerprint }: TopFailure): string =>
  `${postingId} ${fingerprint}`;

/** Columns also define the orders of a list, which do not depend on how they are drawn. */
const anyGlyphs = glyphsOf({ isUtf8: false, hasBraille: false });

/**
 * The rows of a list that match its filter, in its order. A flow matches if a stage does, and opens
 * into the stages that match, which keep their own order.
 */
export function shownPostings(model: Model): ListRow[] {
  const { rows, lookup } = foldFlows(model.snapshot);
  const passes = filterOfList(model, "postings");
  const isShown = (row: ListRow) => passes === null || passes(factsOfPosting(row, lookup));
  const stagesOf = (row: ListRow): ListRow[] => {
    const all = stageRows(row);
    const matching = all.filter(isShown);
    return matching.length > 0 || !isShown(row) ? matching : all;
  };
  const passed =
    passes === null
      ? rows
      : rows.filter((row) => isShown(row) || (row.kind === "flow" && stagesOf(row).length > 0));
  return ordered(model, "postings", passed, postingColumns(plain(model))).flatMap((row) =>
    row.kind === "flow" && model.openFlows.has(row.posting.id)
      ? [{ ...row, isOpen: true }, ...stagesOf(row)]
      : [row],
  );
}

export const shownPools = (model: Model): TopPool[] =>
  shown(model, model.snapshot?.pools ?? [], "pools", factsOfPool, poolColumns(plain(model)));
export const shownFailures = (model: Model): TopFailure[] =>
  shown(
    model,
    model.snapshot?.failures ?? [],
    "failures",
    factsOfFailure,
    failureColumns(plain(model)),
  );

export function shownKeys(model: Model, pane: Pane): string[] {
  switch (pane) {
    case "postings":
      return shownPostings(model).map(keyOfRow);
    case "pools":
      return shownPools(model).map(keyOfPool);
    case "failures":
      return shownFailures(model).map(keyOfFailure);
  }
}

/** The title of the column that a list is sorted by; null for the server's order. */
export function sortTitle(model: Model, pane: Pane): string | null {
  const { sortedBy } = model.lists[pane];
  return columnsOf(model, pane)[sortedBy - 1]?.title ?? null;
}

/** The number of orders of a list: the server's, and one per column. */
export const ordersOf = (model: Model, pane: Pane): number => columnsOf(model, pane).length + 1;

function columnsOf(model: Model, pane: Pane): readonly { title: string }[] {
  switch (pane) {
    case "postings":
      return postingColumns(plain(model));
    case "pools":
      return poolColumns(plain(model));
    case "failures":
      return failureColumns(plain(model));
  }
}

const plain = (model: Model): Scene => ({ model, glyphs: anyGlyphs });

function shown<Row>(
  model: Model,
  rows: readonly Row[],
  pane: Pane,
  factsOf: (row: Row) => Facts,
  columns: readonly Column<Row>[],
): Row[] {
  const passes = filterOfList(model, pane);
  const passed = passes === null ? rows : rows.filter((row) => passes(factsOf(row)));
  return ordered(model, pane, passed, columns);
}

/** The filter of a list; null if it has none. */
function filterOfList(model: Model, pane: Pane): ((facts: Facts) => boolean) | null {
  const { filter } = model.lists[pane];
  if (filter === "") return null;
  const newest = (model.snapshot?.postings ?? []).map(({ id }) => id).toSorted((a, b) => b - a);
  return filterOf(filter, newest);
}

function ordered<Row>(
  model: Model,
  pane: Pane,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): Row[] {
  const { sortedBy, isReversed } = model.lists[pane];
  const column = columns[sortedBy - 1];
  const sorted = column
    ? rows.toSorted((a, b) => compare(column.order(a), column.order(b)))
    : [...rows];
  return isReversed ? sorted.toReversed() : sorted;
}

/** Compares values of a column. */
export const compare = (a: number | string, b: number | string) =>
  typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");

/** The chosen row: the one with the chosen key; if it is gone, the one at its position. */
export function chosenRow({ chosen, row }: ListState, keys: readonly string[]): number {
  const found = chosen === null ? -1 : keys.indexOf(chosen);
  return found >= 0 ? found : Math.max(0, Math.min(row, keys.length - 1));
}
