import { FFIType, ptr } from "bun:ffi";

import { openLibc } from "../../pool/machine/libc.ts";

const unixFamily = 1;
const datagramCloseOnExec = 2 | 0o2000000;
/** MSG_DONTWAIT and MSG_NOSIGNAL of Linux: a reader that is stuck must not block a pool. */
const sendFlags = 0x40 | 0x4000;
/** The size of `sun_path` in `struct sockaddr_un`. */
const pathMax = 108;

/**
 * A function that sends datagrams to a Unix socket, which neither Bun nor Node can: to a path or,
 * if `to` begins with "@", to an abstract name of Linux. It returns whether the kernel took the
 * datagram.
 *
 * @throws if there is no such C library.
 */
export function datagramSender(to: string): (text: string) => boolean {
  const symbols = openLibc({
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    sendto: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i64,
    },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
  });
  const isAbstract = to.startsWith("@");
  const path = Buffer.from(isAbstract ? `\0${to.slice(1)}` : `${to}\0`);
  const address = Buffer.alloc(2 + Math.min(path.length, pathMax));
  address.writeUInt16LE(unixFamily);
  path.copy(address, 2);
  return (text) => {
    const file = symbols.socket(unixFamily, datagramCloseOnExec, 0);
    if (file < 0) return false;
    const bytes = Buffer.from(text);
    const [data, to] = [ptr(bytes), ptr(address)];
    const sent = symbols.sendto(file, data, bytes.length, sendFlags, to, address.length);
    symbols.close(file);
    return Number(sent) === bytes.length;
  };
}
