import { fstatSync, ftruncateSync, readSync, writeSync } from "node:fs";

/** The length of text that is converted at a time. */
const blockLength = 1024 * 1024;

/**
 * Writes `text` to the file, in place of its content. Large arguments reach a worker through a file
 * that it shares with its pool: a message would be in the pool's memory twice more.
 */
export function writeArguments(file: number, text: string): void {
  ftruncateSync(file, 0);
  const block = Buffer.allocUnsafe(3 * blockLength);
  let offset = 0;
  for (let at = 0; at < text.length;) {
    const end = endOfBlock(text, at);
    const length = block.write(text.slice(at, end), "utf8");
    for (let done = 0; done < length;) {
      done += writeSync(file, block, done, length - done, offset + done);
    }
    offset += length;
    at = end;
  }
}

/** Returns the text in the file, and empties it. */
export function takeArguments(file: number): string {
  const bytes = Buffer.allocUnsafe(fstatSync(file).size);
  for (let at = 0; at < bytes.length;) {
    const count = readSync(file, bytes, at, bytes.length - at, at);
    if (count === 0) throw new Error("the file of arguments has become shorter");
    at += count;
  }
  ftruncateSync(file, 0);
  return bytes.toString("utf8");
}

/** Does not separate the two halves of a character. */
function endOfBlock(text: string, start: number): number {
  const end = Math.min(start + blockLength, text.length);
  const last = text.charCodeAt(end - 1);
  const isFirstHalf = last >= 0xd800 && last <= 0xdbff;
  return isFirstHalf && end < text.length ? end - 1 : end;
}
