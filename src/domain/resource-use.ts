import { type Counts, type Provides, totalOf } from "./capabilities.ts";

/** A resource of a pool that jobs take. */
export interface ResourceUse {
  name: string;
  total: number;
  /** What no job had at the last heartbeat; null before the first report. */
  free: number | null;
}

/** Others follow by name. */
const order = ["cpus", "mem", "gpu"];
const rankOf = ({ name }: ResourceUse) =>
  order.includes(name) ? order.indexOf(name) : order.length;

/** The counted resources of a pool. It may have reported anything. */
export const usesOf = (provides: Provides, reported: Counts | null): ResourceUse[] =>
  Object.entries(provides)
    .flatMap(([name, provided]) => {
      const total = totalOf(provided);
      const free = reported?.[name];
      return total === 0 ? [] : [{ name, total, free: typeof free === "number" ? free : null }];
    })
    .toSorted((a, b) => rankOf(a) - rankOf(b) || (a.name < b.name ? -1 : 1));

/** As in `cpus 12/32, mem 40.5G/120G, gpu 0.5/4`: what is free of how much. */
export const usesText = (uses: readonly ResourceUse[]): string =>
  uses
    .map(({ name, total, free }) => `${name} ${free === null ? "?" : short(free)}/${short(total)}`)
    .join(", ");

const sizes = [
  ["T", 2 ** 40],
  ["G", 2 ** 30],
  ["M", 2 ** 20],
] as const;

/** At most one decimal of a size, and four of other amounts. */
function short(amount: number): string {
  const [unit, size] = sizes.find(([, each]) => amount >= each) ?? ["", 1];
  return `${Number((amount / size).toFixed(unit === "" ? 4 : 1))}${unit}`;
}
