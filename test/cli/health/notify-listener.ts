// The receiver of a service manager's reports: a Unix datagram socket, by the C library.
import { dlopen, FFIType, ptr } from "bun:ffi";

import { until } from "../../binary/cli.ts";

const { symbols } = dlopen("libc.so.6", {
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  recv: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64 },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
});
const [unix, datagram, dontWait] = [1, 2, 0x40];

/** Listens at a path, or at an abstract name such as @a. */
export function listenForReports(at: string) {
  const file = symbols.socket(unix, datagram, 0);
  const path = Buffer.from(at.startsWith("@") ? `\0${at.slice(1)}` : `${at}\0`);
  const address = Buffer.concat([Buffer.from(new Uint16Array([unix]).buffer), path]);
  if (symbols.bind(file, ptr(address), address.length) !== 0) throw new Error(`cannot bind ${at}`);
  const reports: string[] = [];
  const receive = () => {
    for (const bytes = Buffer.alloc(4_096); ;) {
      const length = Number(symbols.recv(file, ptr(bytes), bytes.length, dontWait));
      if (length < 0) return;
      reports.push(bytes.toString("utf8", 0, length));
    }
  };
  const timer = setInterval(receive, 10); // the kernel keeps few reports that nobody reads
  return {
    /** All reports so far, once one of them contains `text`. */
    until: (text: string) =>
      until(`the report "${text}"`, async () => {
        receive();
        return reports.some((report) => report.includes(text)) && reports;
      }),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      symbols.close(file);
    },
  };
}
