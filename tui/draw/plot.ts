import type { Glyphs } from "./glyphs.ts";

/** One column for each value, the newest at the right. Too few values leave blanks at the left. */
export function sparkline(values: readonly number[], width: number, glyphs: Glyphs): string {
  const shown = values.slice(Math.max(0, values.length - width));
  const most = Math.max(...shown, 0);
  const text = shown
    .map((value) => {
      if (most === 0 || value <= 0) return glyphs.levels[0] ?? " ";
      const level = Math.ceil((value / most) * glyphs.levels.length) - 1;
      return glyphs.levels[Math.min(glyphs.levels.length - 1, Math.max(0, level))] ?? " ";
    })
    .join("");
  return " ".repeat(Math.max(0, width - shown.length)) + text;
}

/** A bar of exactly `width` columns: full only if all is done, empty only if nothing is. */
export function progressBar(share: number, width: number, glyphs: Glyphs): [string, string] {
  const part = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  const exact = part * width;
  const least = part > 0 && width > 1 ? 1 : 0;
  const full = part === 1 ? width : Math.max(least, Math.min(width - 1, Math.floor(exact)));
  return [glyphs.full.repeat(full), glyphs.empty.repeat(Math.max(0, width - full))];
}

/** `42%`: 100 % only if all is done. */
export const percent = (share: number): string =>
  `${share >= 1 ? 100 : Math.min(99, Math.floor(share * 100))}%`;

/** The dots of a Braille pattern by column and by row from the top. */
export const dots = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/**
 * The values as an area of `width` by `height`, in Braille or, without it, in blocks. `top` is the
 * value at the upper edge (default: the greatest).
 */
export function areaPlot(
  values: readonly number[],
  { width, height, top }: { width: number; height: number; top?: number },
  glyphs: Glyphs,
): string[] {
  const [perColumn, perRow] = glyphs.hasBraille ? [2, 4] : [1, 1];
  const heights = resample(values, width * perColumn);
  const most = top ?? Math.max(...heights, 0);
  const filled = heights.map((value) =>
    most === 0 || value <= 0 ? 0 : Math.max(1, Math.round((value / most) * height * perRow)),
  );
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, column) => {
      if (!glyphs.hasBraille) return (filled[column] ?? 0) >= height - row ? glyphs.full : " ";
      let pattern = 0;
      dots.forEach((side, x) =>
        side.forEach((bit, y) => {
          const isOn = (filled[column * 2 + x] ?? 0) >= height * 4 - (row * 4 + y);
          if (isOn) pattern |= bit;
        }),
      );
      return String.fromCodePoint(0x2800 + pattern);
    }).join(""),
  );
}

/** Resamples to `size` values: the greatest of each part. */
function resample(values: readonly number[], size: number): number[] {
  if (values.length === 0) return Array.from({ length: size }, () => 0);
  return Array.from({ length: size }, (_, at) => {
    const from = Math.floor((at * values.length) / size);
    const to = Math.max(from + 1, Math.floor(((at + 1) * values.length) / size));
    return Math.max(0, ...values.slice(from, to));
  });
}
