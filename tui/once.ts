import type { Snapshot } from "../src/db/dashboard/top-snapshot.ts";
import { frameOf } from "./draw/frame.ts";
import type { Glyphs } from "./draw/glyphs.ts";
import { startModel } from "./state/model.ts";
import { paletteOf } from "./draw/palette.ts";
import { update } from "./update.ts";
import { headerLines } from "./views/header.ts";
import { overviewLines } from "./views/overview.ts";

/** The overview as text, with all flows open: one frame, high enough for every row. */
export function onceText(
  snapshot: Snapshot,
  { columns, glyphs, isUtf8 }: { columns: number; glyphs: Glyphs; isUtf8: boolean },
): string {
  const { postings, pools, failures } = snapshot;
  const openFlows = new Set(postings.flatMap(({ flow }) => flow?.id ?? []));
  const height =
    postings.length + openFlows.size + 10 + 4 * (Math.max(pools.length, failures.length) + 5);
  const size = { columns, rows: height + 20 };
  const start = startModel({ size, nowMs: 0, everyMs: 0, startedReadOnly: null });
  const { model } = update({ ...start, openFlows }, { kind: "snapshot", snapshot, tookMs: 0 }, 0);
  const scene = { model, glyphs: { ...glyphs, chosen: " " } };
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
