import { type Line, type Span, line } from "../draw/frame.ts";
import type { Scene } from "../state/columns.ts";
import { type Model, viewOf, readOnlyOf, refreshMs } from "../state/model.ts";
import { percent, progressBar, sparkline } from "../draw/plot.ts";
import { widthOf } from "../draw/text.ts";
import { clock, count, plural, rate, time } from "../draw/words.ts";

/** The lines above everything: the connection, the throughput and totals, the pools. */
export function headerLines(scene: Scene): Line[] {
  const { model } = scene;
  const { columns, rows } = model.size;
  const lines = [titleLine(model)];
  if (model.fault) lines.push(faultLine(model));
  if (model.snapshot === null) return lines;
  if (rows >= 10) lines.push(jobsLine(scene));
  if (rows >= 14) lines.push(poolsLine(scene));
  return lines.map(({ spans }) => ({ spans: fitting(spans, columns) }));
}

const widthOfAll = (spans: readonly Span[]) =>
  spans.reduce((sum, { text }) => sum + widthOf(text), 0);

/** Leaves out parts from the end until the rest fits; the first stays. */
function fitting(spans: readonly Span[], columns: number): Span[] {
  const kept = [...spans];
  while (kept.length > 1 && widthOfAll(kept) > columns) kept.pop();
  return kept;
}

/** The clock and the refresh interval stand at the right, if there is room for them. */
function titleLine(model: Model): Line {
  const { snapshot, size } = model;
  const left: Span[] = [{ text: "pdoflow top", tone: "strong" }];
  if (model.isFrozen) left.push({ text: "  FROZEN", tone: "warn" });
  if (readOnlyOf(model) !== null) left.push({ text: "  read-only", tone: "warn" });
  if (!snapshot) return { spans: left };
  const right: Span[] = [{ text: `  ${clock(snapshot.at)}` }];
  if (model.everyMs > 0) right.unshift({ text: `  every ${everyText(model)}`, tone: "dim" });
  const database = { text: `  ${snapshot.database}`, tone: "dim" } as const;
  const spare = (spans: Span[]) => size.columns - widthOfAll([...left, ...spans]);
  if (spare([database, ...right]) >= 0) left.push(database);
  const shown = spare(right) >= 0 ? right : right.slice(-1);
  if (spare(shown) < 0) return { spans: left };
  return { spans: [...left, { text: " ".repeat(spare(shown)) }, ...shown] };
}

/** The interval that was chosen; the real one if the server is too slow for it. */
function everyText(model: Model): string {
  const ms = refreshMs({ ...model, fault: null });
  const isSlower = ms > model.everyMs * 1.5 && ms >= 1_000;
  const seconds = (isSlower ? Math.round(ms / 1_000) * 1_000 : model.everyMs) / 1_000;
  return `${seconds}s${isSlower ? " (slow server)" : ""}`;
}

/** Reports that the server does not answer, with the age of the data on the screen. */
function faultLine(model: Model): Line {
  const { fault, snapshot, nowMs, takenAtMs } = model;
  const age = time(nowMs - takenAtMs);
  const what = snapshot === null ? "NOT CONNECTED" : `STALE: this is ${age} old`;
  return line(
    { text: ` ${what} `, tone: "alarm" },
    { text: ` ${fault?.message ?? ""}`, tone: "bad" },
  );
}

function jobsLine({ model, glyphs }: Scene): Line {
  const jobs = model.snapshot?.jobs;
  const { now, curve } = throughputOf(model);
  const [failed, retrying] = [jobs?.failed ?? 0, jobs?.retrying ?? 0];
  const { columns } = model.size;
  const width = columns < 100 ? 10 : 20;
  const { running, waiting, finished } = glyphs.states;
  return line(
    { text: `${now === undefined ? glyphs.none : rate(now)} jobs/s `, tone: "strong" },
    { text: sparkline(curve, width, glyphs), tone: "busy" },
    { text: columns < 100 ? "" : ` peak ${rate(Math.max(now ?? 0, ...curve))}`, tone: "dim" },
    { text: `  ${running} ${count(jobs?.running ?? 0)} running`, tone: "busy" },
    { text: `  ${waiting} ${count(jobs?.waiting ?? 0)} waiting` },
    failed === 0
      ? { text: "  0 failed", tone: "dim" }
      : { text: `  ${glyphs.failed}${count(failed)} failed`, tone: "bad" },
    { text: `  ${count(retrying)} retrying`, tone: retrying > 0 ? "warn" : "dim" },
    { text: `  ${finished} ${count(jobs?.done ?? 0)} done`, tone: "good" },
  );
}

/** Jobs per second as pools reported them for the last minute; else as seen between snapshots. */
function throughputOf({ snapshot, rates }: Model): { now: number | undefined; curve: number[] } {
  const reported = snapshot?.endedBySecond ?? [];
  const seen = rates.map(({ perSecond }) => perSecond);
  if (reported.length === 0) return { now: seen.at(-1), curve: seen };
  const thirds = Array.from({ length: Math.floor(reported.length / 3) }, (_, i) => {
    const from = reported.length - 3 * (Math.floor(reported.length / 3) - i);
    return reported.slice(from, from + 3).reduce((sum, each) => sum + each, 0) / 3;
  });
  return { now: seen.at(-1) ?? thirds.at(-1), curve: thirds };
}

function poolsLine({ model, glyphs }: Scene): Line {
  const { snapshot } = model;
  const pools = snapshot?.pools ?? [];
  const up = pools.filter(
    ({ state, isStale }) => state !== "lost" && state !== "stopped" && !isStale,
  );
  const stale = pools.filter(({ isStale }) => isStale).length;
  const slots = up.reduce((sum, pool) => sum + pool.slots, 0);
  const busy = up.reduce((sum, pool) => sum + (pool.busy ?? 0), 0);
  const [full, empty] = progressBar(slots === 0 ? 0 : busy / slots, 8, glyphs);
  const oldest = snapshot?.oldestWaitingMs ?? null;
  return line(
    { text: `${plural(up.length, "pool")} up`, tone: up.length > 0 ? "good" : "warn" },
    stale > 0 ? { text: `, ${stale} stale`, tone: "bad" } : "",
    `  ${busy}/${slots} workers busy `,
    { text: full, tone: "good" },
    { text: empty, tone: "dim" },
    ...totalSpans(model),
    oldest === null ? "" : `  longest wait ${time(oldest)}`,
    snapshot && snapshot.morePostings > 0
      ? { text: `  and ${count(snapshot.morePostings)} more postings`, tone: "dim" }
      : "",
  );
}

/** The share of ended jobs in all open postings. */
function totalSpans({ snapshot }: Model): Span[] {
  if (!snapshot) return [];
  const { waiting, running, retrying, done, failed, cancelled } = snapshot.jobs;
  const ended = done + failed + cancelled;
  const all = ended + waiting + running + retrying;
  return all === 0 ? [] : [{ text: `  ${percent(ended / all)} of ${count(all)} jobs ended` }];
}

export type Tab = "postings" | "pools" | "failures" | "metrics" | "schedules";

export function tabs(model: Model): { name: Tab; text: string }[] {
  const { snapshot, size } = model;
  // A narrow screen has no room for the counts.
  const isNarrow = size.columns < 60;
  const tab = (name: Tab, at: number, rows?: readonly unknown[]) => ({
    name,
    text: isNarrow ? `${at} ${name} ` : ` ${at} ${name}${rows ? ` ${count(rows.length)}` : ""} `,
  });
  return [
    tab("postings", 1, snapshot?.postings),
    tab("pools", 2, snapshot?.pools),
    tab("failures", 3, snapshot?.failures),
    tab("metrics", 4),
    tab("schedules", 5),
  ];
}

export function tabLine(model: Model): Line {
  const { kind } = viewOf(model);
  const here = kind === "metrics" || kind === "schedules" ? kind : model.pane;
  return {
    spans: tabs(model).map(({ name, text }) => ({ text, tone: name === here ? "bar" : "dim" })),
  };
}
