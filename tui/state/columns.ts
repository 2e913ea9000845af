import type { PostingState } from "../../src/domain/posting.ts";
import type { Span } from "../draw/frame.ts";
import type { Glyphs } from "../draw/glyphs.ts";
import type { Model } from "./model.ts";
import type { Tone } from "../draw/palette.ts";
import type { TopFailure, TopPool } from "../../src/db/dashboard/top-snapshot.ts";
import type { Column } from "../draw/table.ts";
import { count, span } from "../draw/words.ts";

/** What the cells of a list are made of. */
export interface Scene {
  model: Model;
  glyphs: Glyphs;
}

type Cell = Span | string;

/** A column of a {@link Column.rank} and a width; numbers stand at the right. */
export const column = <Row>(
  [title, width, rank]: readonly [title: string, width: number, rank: number],
  cell: (row: Row, width: number) => Cell | readonly Span[],
  order: (row: Row) => number | string,
  more: { side?: "right"; isFlexible?: true } = {},
): Column<Row> => ({
  ...{ title, width, rank, order, ...more },
  cell: (row, room) => {
    const made = cell(row, room);
    return typeof made === "string" ? { text: made } : made;
  },
});

export const right = { side: "right" } as const;
export const flexible = { isFlexible: true } as const;

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

export const failedSpan = (failed: number, { failed: sign }: Glyphs): Span =>
  failed === 0 ? { text: "0", tone: "dim" } : { text: `${sign}${count(failed)}`, tone: "bad" };

export function poolColumns({ glyphs }: Scene): Column<TopPool>[] {
  const beat = ({ beatAgoMs, isStale }: TopPool): Span => ({
    text: span(beatAgoMs),
    tone: isStale ? "bad" : "plain",
  });
  const refused = ({ refused }: TopPool): Span => ({
    text: count(refused),
    tone: refused > 0 ? "warn" : "dim",
  });
  const state = ({ state, isStale }: TopPool): Span =>
    isStale ? { text: "stale", tone: "bad" } : stateSpan(state);
  const busy = ({ busy, slots }: TopPool) => `${busy ?? glyphs.none}/${slots}`;
  const number = ({ id }: TopPool): Span => ({ text: String(id), tone: "strong" });
  return [
    column(["pool", 6, 0], number, ({ id }) => -id, right),
    column(
      ["host", 10, 1],
      ({ host }) => host,
      ({ host }) => host,
      flexible,
    ),
    column(
      ["pid", 7, 6],
      ({ pid }) => String(pid),
      ({ pid }) => pid,
      right,
    ),
    column(["busy", 7, 2], busy, ({ busy }) => -(busy ?? 0), right),
    column(
      ["works at", 16, 4],
      ({ work }) => work || glyphs.none,
      ({ work }) => work,
      flexible,
    ),
    column(["beat", 6, 3], beat, ({ beatAgoMs }) => -beatAgoMs, right),
    column(["refused", 8, 5], refused, ({ refused }) => -refused, right),
    column(["state", 8, 0], state, (row) => state(row).text),
  ];
}

export function failureColumns({ model, glyphs }: Scene): Column<TopFailure>[] {
  const nowMs = model.snapshot?.at.getTime() ?? 0;
  const ago = (at: Date) => span(nowMs - at.getTime());
  const number = (row: TopFailure) => failedSpan(row.count, glyphs);
  return [
    column(["failed", 8, 0], number, (row) => -row.count, right),
    column(
      ["posting", 8, 1],
      ({ postingId }) => String(postingId),
      (row) => -row.postingId,
      right,
    ),
    column(
      ["error", 10, 0],
      ({ message }) => message,
      ({ message }) => message,
      flexible,
    ),
    column(
      ["first", 6, 4],
      ({ firstAt }) => ago(firstAt),
      (row) => row.firstAt.getTime(),
      right,
    ),
    column(
      ["last", 6, 2],
      ({ lastAt }) => ago(lastAt),
      (row) => -row.lastAt.getTime(),
      right,
    ),
    column(
      ["such as", 12, 3],
      ({ job }) => job,
      ({ job }) => job,
    ),
  ];
}
