import type { FireRow } from "../../db/posting/schedules.ts";
import { localText } from "../../domain/local-time.ts";
import type { Color } from "../output/color.ts";

/** The cells of fires: their time, outcome, posting and reason. */
export const fireRows = (fires: readonly FireRow[]) =>
  fires.map(({ nominalAt, outcome, byHand, postingId, reason }) => [
    ...[localText(nominalAt), outcome + (byHand ? " by hand" : "")],
    ...[postingId ?? "-", reason ?? ""],
  ]);

export const fireColor = (cell: string): Color | null =>
  /^(refused|missed)/.test(cell) ? "red" : null;
