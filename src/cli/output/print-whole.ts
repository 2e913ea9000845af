import type { Writable } from "node:stream";

import type { SpoolRange } from "../../pool/wire/spool.ts";

const lineFeed = 10;

/**
 * Writes all bytes but the first `skip`, after which a line begins, with a prefix at the beginning
 * of each line. Writes no faster than they are read; errors of the stream are the process's.
 * Returns whether the last line has ended.
 */
export async function printWhole(
  piece: SpoolRange,
  stream: Writable,
  { prefix = "", skip = 0 } = {},
): Promise<boolean> {
  let last = lineFeed;
  let left = skip;
  for await (const whole of piece.blocks()) {
    const block = whole.subarray(left);
    left = Math.max(left - whole.length, 0);
    if (block.length === 0) continue;
    const bytes = prefix === "" ? block : prefixed(block, Buffer.from(prefix), last === lineFeed);
    last = block.at(-1) ?? last;
    await new Promise<void>((resolve) => stream.write(bytes, () => resolve()));
  }
  return last === lineFeed;
}

/** A block with a prefix at the beginning of each line. */
export function prefixed(block: Uint8Array, prefix: Uint8Array, isAtStart: boolean): Uint8Array {
  const parts: Uint8Array[] = [];
  let begins = isAtStart;
  for (let at = 0; at < block.length;) {
    const end = block.indexOf(lineFeed, at);
    const next = end < 0 ? block.length : end + 1;
    if (begins) parts.push(prefix);
    parts.push(block.subarray(at, next));
    begins = end >= 0;
    at = next;
  }
  return Buffer.concat(parts);
}
