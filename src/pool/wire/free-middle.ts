import { dlopen, FFIType } from "bun:ffi";

// From linux/falloc.h: the size stays as it is, and freed bytes read as zeros.
const keepSize = 1;
const punchHole = 2;

/**
 * Frees the bytes of `file` between two offsets on the disk; all others keep their offset, even
 * while a process appends. False if the system or the file system cannot do that.
 */
export function freeMiddle(file: number, from: number, to: number): boolean {
  if (to <= from) return true;
  try {
    return libc().fallocate(file, keepSize + punchHole, from, to - from) === 0;
  } catch {
    return false; // no Linux, or another libc
  }
}

let loaded: ReturnType<typeof load> | undefined;
const libc = () => (loaded ??= load());

const load = () =>
  dlopen("libc.so.6", {
    fallocate: {
      args: [FFIType.i32, FFIType.i32, FFIType.i64, FFIType.i64],
      returns: FFIType.i32,
    },
  }).symbols;
