import type { FireRow } from "../../db/posting/schedules.ts";
import { localText } from "../../domain/local-time.ts";
import type { Color } from "../output/color.ts";
import { pluralize } from "../output/pluralize.ts";

/** The cells of fires: their time, outcome, posting and reason. */
export const fireRows = (fires: readonly FireRow[]) =>
  fires.map((fire) => [
    ...[localText(fire.nominalAt), fire.outcome + (fire.byHand ? " by hand" : "")],
    ...[postedText(fire), whyText(fire)],
  ]);

const whyText = (fire: FireRow): string =>
  [missedText(fire), fire.reason].filter((text) => text !== null).join(": ");

/** "8 times missed, from … to …" for a run of missed times; null for a single time. */
export function missedText({ times, nominalAt, lastAt }: FireRow): string | null {
  if (lastAt === null) return null;
  const count = times === 101 ? "more than 100 times" : pluralize(times, "time");
  return `${count} missed, from ${localText(nominalAt)} to ${localText(lastAt)}`;
}

/** What a fire posted: the number of a posting, or a flow; "-" for nothing. */
export function postedText({ postingId, flowId }: Pick<FireRow, "postingId" | "flowId">): string {
  return flowId === null ? String(postingId ?? "-") : `flow ${flowId}`;
}

export const fireColor = (cell: string): Color | null =>
  /^(refused|missed)/.test(cell) ? "red" : null;
