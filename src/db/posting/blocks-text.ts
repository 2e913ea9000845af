import { blockSeparator, separator } from "../connection/array.ts";

/** The limits of a block: N jobs and, if it has several, N bytes of arguments (J1, J4). */
export const blockJobs = 1_000;
export const blockChars = 65_536;

/**
 * Arguments of jobs as one text, cut into blocks. Lengths are counted in characters: if others than
 * ASCII make a block too large, the server cuts it.
 */
export function blocksText(args: readonly string[]): string {
  const blocks: string[] = [];
  let first = 0;
  let chars = 0;
  for (let i = 0; i < args.length; i++) {
    const length = (args[i]?.length ?? 0) + separator.length;
    if (i > first && (i - first === blockJobs || chars + length > blockChars)) {
      blocks.push(args.slice(first, i).join(separator));
      first = i;
      chars = 0;
    }
    chars += length;
  }
  blocks.push(args.slice(first).join(separator));
  return blocks.join(blockSeparator);
}
