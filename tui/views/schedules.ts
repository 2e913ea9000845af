import { column, right, type Scene, textColumn } from "../state/columns.ts";
import type { ScheduleOverview } from "../../src/db/read/schedules.ts";
import { type Line, line } from "../draw/frame.ts";
import type { Tone } from "../draw/palette.ts";
import { Table } from "../draw/table.ts";
import { ago, count, time } from "../draw/words.ts";

/** The schedules: when they fire next, what came of their last times, and how many were missed. */
export function scheduleLines(scene: Scene, { top }: { top: number }, height: number): Line[] {
  const { schedules, size } = scene.model;
  if (schedules === null) return [line({ text: "  reading", tone: "dim" })];
  if (schedules.length === 0) {
    return [
      line("  No schedules. Add one:"),
      line({ text: "    pdoflow schedule add nightly @daily -- post fn.ts#name", tone: "key" }),
    ];
  }
  const table = new Table(columns(scene), schedules, {
    width: size.columns,
    glyphs: scene.glyphs,
  });
  const room = Math.max(0, height - 1);
  const first = Math.min(top, Math.max(0, schedules.length - room));
  return [
    table.header(undefined, false),
    ...schedules
      .slice(first, first + room)
      .map((one) => table.row(one, { isChosen: false, isMarked: false })),
  ];
}

function columns({ model }: Scene) {
  const nowMs = (model.snapshot?.at ?? new Date(0)).getTime();
  return [
    textColumn<ScheduleOverview>(["schedule", 8, 0], ({ name }) => name, { tone: "strong" }),
    textColumn<ScheduleOverview>(["time", 9, 3], ({ timing }) => timing),
    textColumn<ScheduleOverview>(["zone", 4, 5], ({ zone }) => zone),
    column<ScheduleOverview>(
      ["next", 8, 0],
      (one) => ({ text: nextText(one, nowMs), tone: one.isPaused ? "warn" : "plain" }),
      ({ firesAt }) => firesAt?.getTime() ?? 0,
    ),
    column<ScheduleOverview>(
      ["last", 10, 1],
      ({ lastAt }) => (lastAt === null ? "-" : ago(nowMs - lastAt.getTime())),
      ({ lastAt }) => lastAt?.getTime() ?? 0,
    ),
    column<ScheduleOverview>(
      ["result", 8, 1],
      ({ lastOutcome }) => ({ text: lastOutcome ?? "-", tone: toneOf(lastOutcome) }),
      ({ lastOutcome }) => lastOutcome ?? "",
    ),
    textColumn<ScheduleOverview>(["posted", 7, 2], postedText),
    column<ScheduleOverview>(
      ["missed", 6, 2],
      ({ missed }) => ({ text: count(missed), tone: missed > 0 ? "bad" : "dim" }),
      ({ missed }) => missed,
      right,
    ),
    textColumn<ScheduleOverview>(["why", 3, 6], ({ lastReason }) => lastReason ?? ""),
  ];
}

function nextText({ isPaused, firesAt }: ScheduleOverview, nowMs: number): string {
  if (isPaused) return "paused";
  if (firesAt === null) return "-";
  const leftMs = firesAt.getTime() - nowMs;
  return leftMs > 0 ? `in ${time(leftMs)}` : "due";
}

const postedText = ({ postingId, flowId }: ScheduleOverview): string =>
  flowId === null ? String(postingId ?? "-") : `flow ${flowId}`;

function toneOf(outcome: ScheduleOverview["lastOutcome"]): Tone {
  if (outcome === "missed" || outcome === "refused") return "bad";
  return outcome === "skipped" ? "warn" : outcome === null ? "dim" : "good";
}
