import { closeSync, constants, fstatSync, ftruncateSync, readSync } from "node:fs";

import type { Tail } from "../../db/engine/follow.ts";
import { createUnnamedFile } from "./unnamed-file.ts";

/** Kept of the beginning, and of the end, of each stream of a job. */
const keptBytes = 32 * 1024;
/** The maximum that a viewer gets at once while the job runs. */
const liveBytes = 16 * 1024;
/** Between two jobs, a file that has grown beyond this is emptied. */
const emptyAtBytes = 1024 * 1024;
/** Within one job, output that is not kept is freed on the disk at this size. */
const cutAtBytes = 64 * 1024 * 1024;

/**
 * Creates a file without a name for a stream of a worker. A file and not a pipe: no process has to
 * read along, output of the children of a job is in order, and the output of a killed worker can
 * still be read. All writes append.
 */
export const createOutputFile = (): number => createUnnamedFile(constants.O_APPEND);

/**
 * The text in `file` since `start`, its beginning and its end; null if there is none. If the file
 * was emptied in the meantime (`cutOutput`), the text since then.
 */
export function readOutput(file: number, start: number): string | null {
  const { size } = fstatSync(file);
  if (size === start) return null;
  const from = size < start ? 0 : start;
  const length = size - from;
  if (length <= 2 * keptBytes) return decode(read(file, from, length));
  const head = decode(read(file, from, keptBytes));
  const end = decode(read(file, size - keptBytes, keptBytes));
  return `${head}\n… (${length - 2 * keptBytes} bytes left out) …\n${end}`;
}

/** The end of the bytes in `file` since `start`, unchanged. */
export function readTail(file: number, start: number): Tail {
  const { size } = fstatSync(file);
  const from = size < start ? 0 : start;
  const length = Math.min(size - from, liveBytes);
  return { bytes: read(file, size - length, length), end: size - from };
}

export const sizeOfOutput = (file: number): number => fstatSync(file).size;

/** Whether a file has grown so much that it should be emptied between two jobs. */
export const isLong = (size: number): boolean => size > emptyAtBytes;

export const emptyOutput = (file: number): void => ftruncateSync(file, 0);

/** Room for all output of a job that is kept whole, and one byte more. */
const whole = Buffer.allocUnsafe(2 * keptBytes + 1);

/**
 * Worker, between two jobs: the text in `file` since `start` (null if there is none), and where the
 * next job's output begins. It takes one system call, if the text is short. Empties a file that has
 * grown.
 */
export function takeOutput(file: number, start: number): { text: string | null; next: number } {
  const length = readSync(file, whole, 0, whole.length, start);
  if (length === 0 || length === whole.length) {
    return { text: readOutput(file, start), next: nextStart(file) };
  }
  return { text: decode(whole, length), next: beginning(file, start + length) };
}

/** Worker, between two jobs: where the next job's output begins. Empties a file that has grown. */
export const nextStart = (file: number): number => beginning(file, fstatSync(file).size);

function beginning(file: number, size: number): number {
  if (!isLong(size)) return size;
  ftruncateSync(file, 0);
  return 0;
}

/**
 * Pool, while a job runs: the range of a growing file that is not needed; null while the file is
 * short. Bytes up to `freedTo` were freed before.
 */
export function middleOfOutput(
  file: number,
  start: number,
  freedTo: number,
): [from: number, to: number] | null {
  const { size } = fstatSync(file);
  const isNew = size < freedTo; // it was emptied in the meantime
  if (size - (isNew ? 0 : freedTo) < cutAtBytes) return null;
  return [(size < start ? 0 : start) + keptBytes, size - keptBytes];
}

/** The beginning and the end of a file, put aside before it was emptied. */
export interface Cut {
  head: string;
  tail: string;
}

/**
 * The same on a file system that cannot free the middle of a file: empties the file. Returns its
 * beginning (that of `earlier` if it was cut before) and its end, or `earlier` if the file is
 * small. Output between reading the end and the cut is lost.
 */
export function cutOutput(file: number, start: number, earlier: Cut | null): Cut | null {
  if (fstatSync(file).size < cutAtBytes) return earlier;
  const head = earlier?.head ?? decode(read(file, start, keptBytes));
  const tail = decode(read(file, fstatSync(file).size - keptBytes, keptBytes));
  ftruncateSync(file, 0);
  return { head, tail };
}

/** Joins the text that `cutOutput` put aside with the text after it: the beginning, and the end. */
export function joinOutput(cut: Cut | null, rest: string | null): string | null {
  if (cut === null) return rest;
  const end = (cut.tail + (rest ?? "")).slice(-keptBytes);
  return `${cut.head}\n… (too much to keep) …\n${end}`;
}

export const closeOutputFile = (file: number): void => closeSync(file);

function read(file: number, from: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let size = 0;
  while (size < length) {
    const more = readSync(file, buffer, size, length - size, from + size);
    if (more === 0) break;
    size += more;
  }
  return buffer.subarray(0, size);
}

/** Text that PostgreSQL accepts: invalid UTF-8 becomes U+FFFD, and NUL its picture. */
const decode = (bytes: Buffer, length = bytes.length): string =>
  bytes.toString("utf8", 0, length).replaceAll("\0", "\u2400");
