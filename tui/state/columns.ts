import { usesText } from "../../src/domain/resource-use.ts";
import type { PostingState } from "../../src/domain/states.ts";
import type { Span } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import type { Model } from "./model.ts";
import type { Tone } from "../draw/palette.ts";
import type { TopFailure, TopPool } from "../../src/db/dashboard/top-snapshot.ts";
import type { Column } from "../draw/table.ts";
import { widthOf } from "../draw/text.ts";
import { ago, count } from "../draw/words.ts";

/** The data of views and cells. */
export interface Scene {
  model: Model;
  glyphs: Glyphs;
}

type CellContent = Span | string;

/** A column of a fixed width: metrics and states. */
export const column = <Row>(
  [title, width, rank]: readonly [title: string, width: number, rank: number],
  cell: (row: Row, width: number) => CellContent | readonly Span[],
  order: (row: Row) => number | string,
  more: Partial<Pick<Column<Row>, "side" | "wants" | "isWhole" | "widest" | "cuts">> = {},
): Column<Row> => ({
  title,
  width,
  rank,
  order,
  ...more,
  cell: (row, given) => {
    const made = cell(row, given);
    return typeof made === "string" ? { text: made } : made;
  },
});

/** A column of text, which grows with its rows. */
export const textColumn = <Row>(
  layout: readonly [title: string, width: number, rank: number],
  text: (row: Row) => string,
  more: Partial<Pick<Column<Row>, "widest" | "cuts">> & { tone?: Tone } = {},
): Column<Row> => {
  const { tone = "plain", ...rest } = more;
  return column(layout, (row) => ({ text: text(row), tone }), text, {
    wants: (row) => widthOf(text(row)),
    ...rest,
  });
};

export const right = { side: "right" } as const;

/** A column of ids, as wide as the longest. */
export const idColumn = <Row>(
  layout: readonly [title: string, width: number, rank: number],
  id: (row: Row) => number,
): Column<Row> =>
  column(
    layout,
    (row) => ({ text: String(id(row)), tone: "strong" }),
    (row) => -id(row),
    { side: "right", wants: (row) => String(id(row)).length, isWhole: true },
  );

const stateTones: Readonly<Record<PostingState | TopPool["state"], Tone>> = {
  open: "busy",
  paused: "warn",
  errored_out: "bad",
  cancelled: "dim",
  finished: "good",
  up: "good",
  draining: "warn",
  stopped: "dim",
  lost: "bad",
};

export const stateSpan = (state: PostingState | TopPool["state"]): Span => ({
  text: state === "errored_out" ? "stopped" : state,
  tone: stateTones[state],
});

/** The state of a pool; "stale" if its heartbeat is late. */
export const poolStateSpan = ({ state, isStale }: TopPool): Span =>
  isStale ? { text: "stale", tone: "bad" } : stateSpan(state);

export const failedSpan = (failed: number, { failed: sign }: Glyphs): Span =>
  failed === 0 ? { text: "0", tone: "dim" } : { text: `${sign}${count(failed)}`, tone: "bad" };

export function poolColumns({ glyphs }: Scene): Column<TopPool>[] {
  const heartbeat = ({ beatAgoMs, isStale }: TopPool): Span => ({
    text: ago(beatAgoMs),
    tone: isStale ? "bad" : "plain",
  });
  const refused = (row: TopPool): Span => ({
    text: count(row.refused),
    tone: row.refused > 0 ? "warn" : "dim",
  });
  const busy = ({ busy: n, slots }: TopPool) => `${n ?? glyphs.none}/${slots}`;
  return [
    idColumn(["pool", 4, 0], ({ id }) => id),
    textColumn(["host", 8, 1], ({ host }) => host),
    column(
      ["pid", 7, 7],
      ({ pid }) => String(pid),
      ({ pid }) => pid,
      right,
    ),
    column(["busy", 7, 2], busy, (row) => -(row.busy ?? 0), right),
    column(["heartbeat", 9, 3], heartbeat, ({ beatAgoMs }) => -beatAgoMs, right),
    textColumn(["free", 8, 5], ({ resources }) => usesText(resources), { widest: 40 }),
    column(["refused", 7, 6], refused, (row) => -row.refused, right),
    column(["state", 8, 0], poolStateSpan, (row) => poolStateSpan(row).text),
    textColumn(["works on", 10, 4], ({ work }) => work || glyphs.none, { widest: 60 }),
  ];
}

export function failureColumns({ model, glyphs }: Scene): Column<TopFailure>[] {
  const nowMs = model.snapshot?.at.getTime() ?? 0;
  const since = (at: Date) => ago(nowMs - at.getTime());
  return [
    column(
      ["failed", 8, 0],
      (row) => failedSpan(row.count, glyphs),
      (row) => -row.count,
      right,
    ),
    idColumn(["posting", 7, 1], ({ postingId }) => postingId),
    column(
      ["first", 7, 4],
      ({ firstAt }) => since(firstAt),
      (row) => row.firstAt.getTime(),
      right,
    ),
    column(
      ["last", 7, 2],
      ({ lastAt }) => since(lastAt),
      (row) => -row.lastAt.getTime(),
      right,
    ),
    textColumn(["example", 8, 3], ({ job }) => job),
    textColumn(["error", 10, 0], ({ message }) => message, { widest: 80 }),
  ];
}
