import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import { readReport, type ReportWish } from "../../db/read/figures/report-data.ts";
import { figuresOf } from "../../report/figures-of.ts";
import { reportPage } from "../../report/page/report-page.ts";
import { build } from "../../version.ts";
import { toEscapedJson } from "../output/escape-control.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { ReportFile } from "../output/report-file.ts";
import type { PdoflowCommand } from "./command.ts";

/** The description of `--report` of commands that wait. */
export const reportFlag =
  "when it ends, also if jobs failed, write a report to FILE: a page, or JSON if it ends in .json";

/** After this long, a message says what takes time. */
const quietMs = 2_000;

/** The file of `--report`, checked before anything begins; null without the option. */
export const reportFileOf = (
  { context }: PdoflowCommand,
  name: string | undefined,
): ReportFile | null => (name === undefined ? null : new ReportFile(context.cwd, name));

/** Reads the figures of postings and flows, and returns the report as a page or as JSON. */
export async function reportText(
  command: PdoflowCommand,
  db: Db,
  wish: ReportWish,
  isJson: boolean,
): Promise<string> {
  const say = () => command.say(`pdoflow ${command.path.join(" ")}: adding up the attempts…`);
  const timer = setTimeout(say, quietMs);
  try {
    const figures = figuresOf(await readReport(db, wish), build);
    if (!isJson) return reportPage(figures);
    return `${toEscapedJson(v.parse(outputSchemas.report, { version: 1, ...figures }))}\n`;
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the report of `--report`, if there is one to write. */
export async function writeReport(
  command: PdoflowCommand,
  file: ReportFile | null,
  wish: Omit<ReportWish, "withValues">,
): Promise<void> {
  if (file === null || wish.postings.length + wish.flows.length === 0) return;
  const text = await command.withDatabase((db) =>
    reportText(command, db, { ...wish, withValues: false }, file.isJson),
  );
  await file.write(text);
  command.say(`report: ${file.path}`);
}
