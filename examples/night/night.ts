// The stages of night.toml: frames are reduced and measured one by one, and gathered into one file.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

import { currentJob } from "pdoflow";

/** A frame without its sky: the excess of each pixel over the median, by row. */
export interface Frame {
  name: string;
  sky: number;
  pixels: number[][];
}

/** The brightest pixel of a frame, and the light of all pixels well above the sky. */
export interface Star {
  frame: string;
  x: number;
  y: number;
  flux: number;
}

/**
 * Reads a frame: lines of comma-separated counts, with comments after #.
 *
 * @throws {RangeError} a line has no number where one is expected.
 */
export function reduce(path: string): Frame {
  const lines = readFileSync(path, "utf8").split("\n");
  const rows = lines
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "")
    .map((line) => line.split(",").map(Number));
  const counts = rows.flat();
  if (counts.length === 0 || counts.some((count) => !Number.isFinite(count))) {
    throw new RangeError(`${path}: expected lines of comma-separated numbers`);
  }
  const sky = median(counts);
  const pixels = rows.map((row) => row.map((count) => count - sky));
  return { name: basename(path, ".csv"), sky, pixels };
}

export function measure({ name, pixels }: Frame): Star {
  const star = { frame: name, x: 0, y: 0, flux: 0 };
  let peak = -Infinity;
  for (const [y, row] of pixels.entries()) {
    for (const [x, excess] of row.entries()) {
      if (excess > 5) star.flux += excess;
      if (excess <= peak) continue;
      peak = excess;
      Object.assign(star, { x, y });
    }
  }
  return star;
}

/** Writes a line for each star. Another attempt writes the same file again, as a whole. */
export async function combine(catalogue: string): Promise<number> {
  const lines = ["frame,x,y,flux"];
  for await (const { index, status, result } of currentJob()?.upstream.results<Star>() ?? []) {
    if (status !== "done" || !result) console.warn(`frame ${index} is ${status}`);
    else lines.push([result.frame, result.x, result.y, result.flux].join(","));
  }
  writeFileSync(`${catalogue}.part`, `${lines.join("\n")}\n`);
  renameSync(`${catalogue}.part`, catalogue);
  return lines.length - 1;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
