/** The number of jobs that had ended at a moment of any monotonic clock, in milliseconds. */
export interface Sample {
  atMs: number;
  ended: number;
}

export interface Pace {
  /** Jobs that ended in a second. */
  perSecond: number;
  /** The time for the remaining jobs at this pace; null if none has ended lately. */
  leftMs: number | null;
}

/** How far back the pace is measured: postings speed up and slow down as pools come and go. */
const windowMs = 60_000;
/** Samples over a shorter time are not significant. */
const minMs = 2_000;

/** The samples that are still significant, and a new one. */
export const withSample = (samples: readonly Sample[], now: Sample): Sample[] => [
  ...samples.filter(({ atMs }) => atMs > now.atMs - windowMs),
  now,
];

/** The pace of the last minute; null as long as it can't be known. */
export function paceOf(samples: readonly Sample[], total: number): Pace | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.atMs - first.atMs < minMs) return null;
  const perMs = Math.max(0, last.ended - first.ended) / (last.atMs - first.atMs);
  const left = Math.max(0, total - last.ended);
  return {
    perSecond: perMs * 1_000,
    leftMs: left === 0 ? 0 : perMs === 0 ? null : left / perMs,
  };
}

/** `40 s`, `12 min`, `3.5 h`, `2 days`: no more digits than are known. */
export function roughTime(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** `[#####-----]` of `width` characters. */
export function bar(share: number, width: number): string {
  const full = Math.floor(Math.min(1, Math.max(0, share)) * width);
  return `[${"#".repeat(full)}${"-".repeat(width - full)}]`;
}
