import type { Snapshot } from "../src/db/dashboard/top-snapshot.ts";
import { frameOf } from "./draw/frame.ts";
import type { Glyphs } from "./draw/glyphs.ts";
import { type Model, startModel } from "./state/model.ts";
import { paletteOf } from "./draw/palette.ts";
import { update } from "./update.ts";
import { headerLines } from "./views/header.ts";
import { overviewLines } from "./views/overview.ts";

export interface TextStyle {
  columns: number;
  glyphs: Glyphs;
  isUtf8: boolean;
}

/** The overview as text: one frame, high enough for every row. */
export const onceText = (snapshot: Snapshot, style: TextStyle): string =>
  textOf(withSnapshot(null, snapshot, 0, style), style);

/** The model after one more snapshot: throughput needs at least two. */
export function withSnapshot(
  before: Model | null,
  snapshot: Snapshot,
  nowMs: number,
  { columns }: TextStyle,
): Model {
  const { postings, pools, failures } = snapshot;
  const rows = postings.length + 30 + 4 * (Math.max(pools.length, failures.length) + 5);
  const model = before ?? {
    ...startModel({ size: { columns, rows }, nowMs, everyMs: 0, startedReadOnly: null }),
  };
  const event = { kind: "snapshot", snapshot, tookMs: 0 } as const;
  return update({ ...model, size: { columns, rows } }, event, nowMs).model;
}

export function textOf(model: Model, { columns, glyphs, isUtf8 }: TextStyle): string {
  const scene = { model, glyphs: { ...glyphs, chosen: " " } };
  const height = model.size.rows - 20;
  const lines = [...headerLines(scene), ...overviewLines(scene, height).map(({ line }) => line)];
  const style = { palette: paletteOf("none", "default"), isUtf8 };
  const { cells } = frameOf(lines, { columns, rows: lines.length }, style);
  const rows = cells.map((row) =>
    row
      .map(({ text }) => text)
      .join("")
      .trimEnd(),
  );
  return rows.filter((row, y) => row !== "" || rows[y - 1] !== "").join("\n");
}
