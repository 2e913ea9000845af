import { failureColumns, poolColumns, type Scene } from "./columns.ts";
import { postingColumns } from "./posting-columns.ts";
import { type Facts, factsOfFailure, factsOfPool, factsOfPosting, filterOf } from "./filter.ts";
import { glyphsOf } from "../draw/glyphs.ts";
import type { ListState, Model, Pane } from "./model.ts";
import type { TopFailure, TopPool, TopPosting } from "../../src/db/dashboard/top-snapshot.ts";
import type { Column } from "../draw/table.ts";

export const keyOfPosting = ({ id }: TopPosting): string => String(id);
export const keyOfPool = ({ id }: TopPool): string => String(id);
export const keyOfFailure = ({ postingId, fingerprint }: TopFailure): string =>
  `${postingId} ${fingerprint}`;

/** Columns also define the orders of a list, which do not depend on how they are drawn. */
const anyGlyphs = glyphsOf({ isUtf8: false, hasBraille: false });

/** The rows of a list that match its filter, in its order. */
export const shownPostings = (model: Model): TopPosting[] =>
  shown(
    model,
    model.snapshot?.postings ?? [],
    "postings",
    factsOfPosting,
    postingColumns(plain(model)),
  );
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
      return shownPostings(model).map(keyOfPosting);
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
  const { filter, sortedBy, isReversed } = model.lists[pane];
  const newest = (model.snapshot?.postings ?? []).map(({ id }) => id).toSorted((a, b) => b - a);
  const passes = filterOf(filter, newest);
  const passed = filter === "" ? [...rows] : rows.filter((row) => passes(factsOf(row)));
  const column = columns[sortedBy - 1];
  const sorted = column
    ? passed.toSorted((a, b) => compare(column.order(a), column.order(b)))
    : passed;
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
