import type { Snapshot } from "../src/domain/top-snapshot.ts";
import { frameOf } from "./frame.ts";
import type { Glyphs } from "./glyphs.ts";
import { startModel } from "./model.ts";
import { paletteOf } from "./palette.ts";
import { update } from "./update.ts";
import { headerLines } from "./views/header.ts";
import { overviewLines } from "./views/overview.ts";

/** The overview as text: one frame, as high as it takes to have every row. */
export function onceText(
  snapshot: Snapshot,
  { columns, glyphs, isUtf8 }: { columns: number; glyphs: Glyphs; isUtf8: boolean },
): string {
  const { postings, pools, failures } = snapshot;
  const height = postings.length + 10 + 4 * (Math.max(pools.length, failures.length) + 5);
  const size = { columns, rows: height + 20 };
  const empty = startModel({ size, nowMs: 0, everyMs: 0, startedReadOnly: null });
  const { model } = update(empty, { kind: "snapshot", snapshot, tookMs: 0 }, 0);
  const scene = { model, glyphs: { ...glyphs, chosen: " " } };
  const lines = [...headerLines(scene), ...overviewLines(scene, height).map(({ line }) => line)];
  const look = { palette: paletteOf("none", "default"), isUtf8 };
  const { cells } = frameOf(lines, { columns, rows: lines.length }, look);
  const rows = cells.map((row) =>
    row
      .map(({ text }) => text)
      .join("")
      .trimEnd(),
  );
  return rows.filter((row, y) => row !== "" || rows[y - 1] !== "").join("\n");
}
