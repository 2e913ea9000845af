import { relative } from "node:path";

import * as v from "valibot";

import { sizeText } from "../output/size-text.ts";
import { table } from "../output/table.ts";

/** The report of examples/inspect-files.ts on one file, as read from an outcome. */
export const FileReport = v.strictObject({
  path: v.string(),
  kind: v.string(),
  bytes: v.number(),
  gzipBytes: v.number(),
  entropy: v.number(),
  sha256: v.nullable(v.string()),
  inode: v.nullable(v.string()),
  problem: v.nullable(v.string()),
});
export type FileReport = v.InferOutput<typeof FileReport>;

/** Files of one kind, or all of them, added up. */
export interface Total {
  files: number;
  bytes: number;
  gzipBytes: number;
}

/** Different files with the same content. Hard links to one file do not count. */
export interface Duplicate {
  paths: string[];
  bytes: number;
  /** The size of all copies but one. */
  wastedBytes: number;
}

export interface Findings {
  total: Total;
  /** The kind with the most bytes first. */
  kinds: ({ kind: string } & Total)[];
  /** All duplicates, the most wasteful first. */
  duplicates: Duplicate[];
  unreadable: FileReport[];
}

const listed = 5;

/** Sums up reports. Their order does not matter. */
export function sumUp(reports: Iterable<FileReport>): Findings {
  const total: Total = { files: 0, bytes: 0, gzipBytes: 0 };
  const kinds = new Map<string, Total>();
  const all: FileReport[] = [];
  for (const report of reports) {
    all.push(report);
    add(total, report);
    const ofKind = kinds.get(report.kind) ?? { files: 0, bytes: 0, gzipBytes: 0 };
    kinds.set(report.kind, ofKind);
    add(ofKind, report);
  }
  all.sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    total,
    kinds: [...kinds]
      .map(([kind, sums]) => ({ kind, ...sums }))
      .sort((a, b) => b.bytes - a.bytes || (a.kind < b.kind ? -1 : 1)),
    duplicates: duplicatesAmong(all),
    unreadable: all.filter((report) => report.problem !== null),
  };
}

function add(total: Total, { bytes, gzipBytes }: FileReport): void {
  total.files++;
  total.bytes += bytes;
  total.gzipBytes += gzipBytes;
}

function duplicatesAmong(reports: readonly FileReport[]): Duplicate[] {
  const byContent = Map.groupBy(
    reports.filter(({ sha256, bytes }) => sha256 !== null && bytes > 0),
    ({ sha256 }) => sha256,
  );
  return [...byContent.values()]
    .map((same) => [
      ...new Map(same.map((report) => [report.inode ?? report.path, report])).values(),
    ])
    .filter((same) => same.length > 1)
    .map((same) => {
      const bytes = same[0]?.bytes ?? 0;
      return { paths: same.map(({ path }) => path), bytes, wastedBytes: bytes * (same.length - 1) };
    })
    .sort((a, b) => b.wastedBytes - a.wastedBytes);
}

/** Findings as text, with the paths inside `folder` relative to it. */
export function findingsText(findings: Findings, folder: string): string {
  const { total, kinds, duplicates, unreadable } = findings;
  const row = (name: string, { files, bytes, gzipBytes }: Total) => [
    name,
    files,
    sizeText(bytes),
    bytes === 0 ? "-" : percent(gzipBytes / bytes),
  ];
  const name = (path: string) => {
    const near = relative(folder, path);
    return near === "" || near.startsWith("../..") ? path : near;
  };
  const wasted = duplicates.reduce((sum, { wastedBytes }) => sum + wastedBytes, 0);
  const parts = [
    table(
      ["kind", "files", "size", "gzip"],
      [...kinds.map((sums) => row(sums.kind, sums)), row("all", total)],
    ),
    table(
      ["wasted", "copies", `duplicates (${sizeText(wasted)} wasted in all)`],
      duplicates
        .slice(0, listed)
        .map((d) => [sizeText(d.wastedBytes), d.paths.length, name(d.paths[0] ?? "")]),
    ),
    ...(unreadable.length === 0
      ? []
      : [`${unreadable.length} could not be read, the first: ${unreadable[0]?.problem}`]),
  ];
  return parts.join("\n\n");
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
