import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";

/** A file contains no text but another format. */
export class NoText extends PdoflowError {
  override readonly name = "NoText";
  readonly exitCode = exitCodes.usage;
  constructor(name: string, what: string, remedy: string) {
    super(`${name}: expected text or gzip, found ${what}. ${remedy}`);
  }
}

const piped = (command: string) => (name: string) =>
  `Unpack it: ${command} '${name}' | pdoflow … - --format csv (or its actual format).`;
const save = () => "Save the sheet as CSV in UTF-8 and post that file.";

/** The first bytes of other formats, in Latin-1. */
const others: readonly [begin: string, what: string, remedy: (name: string) => string][] = [
  ["\x28\xb5\x2f\xfd", "a file of zstd", piped("zstd -dc")],
  ["\xfd7zXZ\0", "a file of xz", piped("xz -dc")],
  ["BZh91AY&SY", "a file of bzip2", piped("bzip2 -dc")],
  ["\xd0\xcf\x11\xe0", "a spreadsheet (.xls)", save],
  ["PAR1\x15", "a file of Parquet", () => "Export its table as CSV or NDJSON and post that file."],
];
const longest = 10;
const gzip = "\x1f\x8b";
const zip = "PK\x03\x04";

const beginOf = (head: Uint8Array) => Buffer.from(head.subarray(0, longest)).toString("latin1");

/** Whether more bytes are needed to know the format: a slow source has few at first. */
function mayBeOther(head: Uint8Array): boolean {
  const begin = beginOf(head);
  return [gzip, zip, ...others.map(([start]) => start)].some(
    (start) => begin.length < start.length && start.startsWith(begin),
  );
}

/** The bytes of `source`, unpacked if they are gzip. @throws {NoText} for other packed files. */
export async function* uncompressed(
  source: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array();
  while (mayBeOther(head)) {
    const next = await chunks.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const all = from(head, chunks);
  const begin = beginOf(head);
  if (begin.startsWith(gzip)) return yield* gunzipped(all, name);
  if (begin.startsWith(zip)) throw zipFile(name);
  for (const [start, what, remedy] of others) {
    if (begin.startsWith(start)) throw new NoText(name, what, remedy(name));
  }
  yield* all;
}

/** `head`, then the rest. Closes the source even if the reader stops early. */
async function* from(
  head: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  } finally {
    await chunks.return?.();
  }
}

const zipFile = (name: string): NoText =>
  /\.(xlsx|xlsm|ods)$/i.test(name)
    ? new NoText(name, `a spreadsheet (${name.slice(name.lastIndexOf("."))})`, save())
    : new NoText(name, "a ZIP file, or a spreadsheet", `${piped("unzip -p")(name)} ${save()}`);

async function* gunzipped(
  source: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip();
  let failure: unknown;
  const input = Readable.from(source, { objectMode: false });
  input.on("error", (error) => {
    failure = error; // of the source, not of gzip
    gunzip.destroy(error);
  });
  input.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } catch (error) {
    if (failure !== undefined) throw failure;
    const why = error instanceof Error ? error.message : String(error);
    throw new InvalidInput(name, [`expected complete gzip data, found damaged data: ${why}`]);
  } finally {
    input.destroy();
  }
}
