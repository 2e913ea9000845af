import { usesText } from "../../src/domain/resource-use.ts";
import { type Scene, poolStateSpan } from "../state/columns.ts";
import { type Line, type Span, line } from "../draw/frame.ts";
import type { View } from "../state/model.ts";
import { percent, progressBar } from "../draw/plot.ts";
import { harmless } from "../draw/text.ts";
import { ago, count, moment } from "../draw/words.ts";
import { fact, scrolled } from "./details.ts";

/** One pool: its process, its capabilities, and the jobs it has been running for a while. */
export function poolLines(
  scene: Scene,
  view: Extract<View, { kind: "pool" }>,
  height: number,
): Line[] {
  const { model, glyphs } = scene;
  const { poolDetails: details, snapshot } = model;
  const title = `pool ${view.poolId}`;
  if (details === null) {
    return [line({ text: title, tone: "title" }), line({ text: "  reading", tone: "dim" })];
  }
  const row = snapshot?.pools.find(({ id }) => id === view.poolId);
  const nowMs = snapshot?.at.getTime() ?? 0;
  const busy = row?.busy ?? 0;
  const bar = progressBar(details.slots === 0 ? 0 : busy / details.slots, 16, glyphs);
  const state: Span = row ? poolStateSpan(row) : { text: details.state };
  const all = [
    fact("state", state),
    fact("host", details.host, { text: `  pid ${details.pid}`, tone: "dim" }),
    fact("workers", `${busy}/${details.slots} busy `, { text: bar[0], tone: "good" }, bar[1]),
    fact("heartbeat", row ? ago(row.beatAgoMs) : glyphs.none),
    fact("started", `${moment(details.startedAt)}, ${ago(nowMs - details.startedAt.getTime())}`),
    fact("role", `${details.role}, operating system user ${details.osUser}`),
    fact("version", details.version),
    fact("provides", details.provides === "" ? glyphs.none : details.provides),
    fact("free", row === undefined ? glyphs.none : usesText(row.resources) || glyphs.none),
    fact("project", details.project ?? "any"),
    ...(details.postings ? [fact("serves only", harmless(details.postings.join(", ")))] : []),
    fact("refused", `${count(details.refused)} outcomes that came too late`),
    fact("holds", row?.work ? row.work : "no jobs"),
    line(""),
    line({ text: " jobs that have been running for a while", tone: "strong" }),
    ...details.running.map((job) => {
      const progress = job.progress === null ? "" : `  ${percent(job.progress)}`;
      const note = harmless(job.note ?? "");
      return line(
        { text: `  ${job.postingId}/${job.index}`.padEnd(14), tone: "strong" },
        `attempt ${job.attempt}  `,
        { text: harmless(job.entryPoint), tone: "dim" },
        { text: `${progress} ${note}`, tone: "busy" },
      );
    }),
    ...(details.running.length === 0 ? [line({ text: "  none", tone: "dim" })] : []),
  ];
  return scrolled(scene, title, all, { ...view, isFollowed: false }, height);
}
