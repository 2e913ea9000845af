import type { FireRow } from "../../db/posting/schedules.ts";
import { localText } from "../../domain/local-time.ts";
import type { Color } from "../output/color.ts";

/** The cells of fires: their time, outcome, posting and reason. */
export const fireRows = (fires: readonly FireRow[]) =>
  fires.map(({ nominalAt, outcome, byHand, reason, ...posted }) => [
    ...[localText(nominalAt), outcome + (byHand ? " by hand" : "")],
    ...[postedText(posted), reason ?? ""],
  ]);

/** What a fire posted: the number of a posting, or a flow; "-" for nothing. */
export function postedText({ postingId, flowId }: Pick<FireRow, "postingId" | "flowId">): string {
  return flowId === null ? String(postingId ?? "-") : `flow ${flowId}`;
}

export const fireColor = (cell: string): Color | null =>
  /^(refused|missed)/.test(cell) ? "red" : null;
