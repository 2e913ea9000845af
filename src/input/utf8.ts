import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** The bytes of a file are not UTF-8 text. */
export class InvalidUtf8 extends PdoflowError {
  override readonly name = "InvalidUtf8";
  readonly exitCode = exitCodes.usage;
  constructor(name: string, offset: number, byte: number) {
    const found = `0x${byte.toString(16).padStart(2, "0")}`;
    super(
      `${name}: expected UTF-8 text, found ${found} at byte ${offset}. Save the file as UTF-8.`,
    );
  }
}

// With ignoreBOM, a U+FEFF at the beginning of a chunk is not removed from inside a string.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Yields the text of `source` without a byte order mark. Chunks end between characters. This does
 * not use TextDecoder's `stream` option, because that does not report the position of an error.
 *
 * @throws {InvalidUtf8} with the offset of the first wrong byte, from 0.
 */
export async function* decodeUtf8(
  source: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<string, void, undefined> {
  let offset = 0;
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.length - cutOff(bytes);
    const text = decode(bytes.subarray(0, end), offset, name);
    yield offset === 0 && text.startsWith("\uFEFF") ? text.slice(1) : text;
    offset += end;
    rest = new Uint8Array(bytes.subarray(end)); // a copy: the source may reuse its chunk
  }
  const [first] = rest;
  if (first !== undefined) throw new InvalidUtf8(name, offset, first);
}

/** The number of bytes at the end of `bytes` that belong to an incomplete character. */
function cutOff(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}

function decode(bytes: Uint8Array, offset: number, name: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    const valid = validLength(bytes);
    const fault = valid - cutOff(bytes.subarray(0, valid)); // the start of the invalid character
    throw new InvalidUtf8(name, offset + fault, bytes[fault] ?? 0);
  }
}

/** The length of the longest valid prefix of `bytes`, which may end inside a character. */
function validLength(bytes: Uint8Array): number {
  let [valid, invalid] = [0, bytes.length];
  while (invalid - valid > 1) {
    const middle = Math.floor((valid + invalid) / 2);
    if (isBeginning(bytes.subarray(0, middle))) valid = middle;
    else invalid = middle;
  }
  return valid;
}

function isBeginning(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
