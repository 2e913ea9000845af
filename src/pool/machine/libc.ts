import { dlopen, type FFIFunction } from "bun:ffi";

/** The C library by the names that glibc and musl give it. */
const names = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/**
 * Functions of the C library of a Linux.
 *
 * @throws if there is no such library.
 */
export function openLibc<T extends Record<string, FFIFunction>>(functions: T) {
  let last: unknown;
  for (const name of names) {
    try {
      return dlopen(name, functions).symbols;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}
