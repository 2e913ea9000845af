import type { Writable } from "node:stream";

import type { SpoolRange } from "../../pool/wire/spool.ts";

const lineFeed = 10;

/**
 * Writes all bytes, no faster than they are read; errors of the stream are the process's. Returns
 * whether the last line has ended.
 */
export async function printWhole(piece: SpoolRange, stream: Writable): Promise<boolean> {
  let last = lineFeed;
  for await (const block of piece.blocks()) {
    last = block.at(-1) ?? last;
    await new Promise<void>((resolve) => stream.write(block, () => resolve()));
  }
  return last === lineFeed;
}
