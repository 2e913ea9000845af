import {
  formatAmount,
  formatNeed,
  type Need,
  type Needs,
  type Provides,
  totalOf,
  unmetNeeds,
} from "./capabilities.ts";

/** Why none of these pools can run jobs with these needs; null if one can. */
export function unmetText(needs: Needs, pools: readonly Provides[]): string | null {
  const unmet = pools.map((provides) => unmetNeeds(needs, provides));
  if (unmet.some((each) => each.length === 0)) return null;
  const never = needs.filter((need) => unmet.every((each) => each.includes(need)));
  if (never.length === 0) return `no pool provides all of ${needs.map(formatNeed).join(", ")}`;
  const named = never.map((need) => `${formatNeed(need)}${mostText(need, pools)}`);
  return `no pool provides ${named.join(", ")}`;
}

/** What a pool lacks for jobs with these needs: `needs gpu=1, which this pool does not provide`. */
export function lackText(needs: Needs, provides: Provides): string {
  const unmet = unmetNeeds(needs, provides).map(formatNeed);
  return `needs ${unmet.join(", ")}, which this pool does not provide`;
}

/** The largest amount that a pool has, if that is less than the amount needed. */
function mostText([key, , wanted]: Need, pools: readonly Provides[]): string {
  const most = Math.max(...pools.map((provides) => totalOf(provides[key])));
  return typeof wanted === "number" && most > 0 ? `, at most ${formatAmount(most)}` : "";
}
