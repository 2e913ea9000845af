import * as v from "valibot";

import { exitCodes, PdoflowError } from "../domain/errors.ts";

/** Text contains something that is not a value, such as a tag with the wrong content. */
export class UndecodableValue extends PdoflowError {
  override readonly name = "UndecodableValue";
  readonly exitCode = exitCodes.usage;
  constructor(found: unknown, expected: string, remedy = "") {
    const text = JSON.stringify(found);
    const excerpt = text.length > 80 ? `${text.slice(0, 79)}…` : text;
    super(`${excerpt} cannot be read: expected ${expected}. ${remedy}`.trimEnd());
  }
}

interface TypedArrayType {
  readonly name: string;
  readonly prototype: object;
  readonly BYTES_PER_ELEMENT?: number;
  new (buffer: ArrayBuffer): object;
}

/** The contents of `$typed`, each by its own name, in little-endian order. */
export const typedArrayTypes: readonly TypedArrayType[] = [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  ...(typeof Float16Array === "function" ? [Float16Array] : []), // Node 20 has none
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

const Bytes = v.pipe(
  v.string(),
  // Not v.base64: its pattern counts groups, takes 0.2 s for 1 MB and refuses 30 MB.
  v.check((data) => data.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(data)),
  // A copy: a Buffer lies at any offset of a shared block, which typed arrays cannot view.
  v.transform((data) => new Uint8Array(Buffer.from(data, "base64"))),
);

const Utf16 = v.pipe(
  Bytes,
  v.check((bytes) => bytes.length % 2 === 0),
  v.transform((bytes) => Buffer.from(bytes.buffer).toString("utf16le")),
);

const Text = v.union([
  v.string(),
  v.pipe(
    v.strictObject({ $string: Utf16 }),
    v.transform(({ $string }) => $string),
  ),
]);

/** A list of pairs. Not the tuple alone: one that ends in `unknown` takes a list too short. */
const pairsOf = <Key extends v.GenericSchema<unknown, unknown>>(key: Key) =>
  v.array(v.pipe(v.array(v.unknown()), v.length(2), v.strictTuple([key, v.unknown()])));

const untagPair = ([key, value]: [unknown, unknown]): [unknown, unknown] => [
  untag(key),
  untag(value),
];

const Moment = v.pipe(
  v.string(),
  // With its zone: otherwise it would mean a different moment on each machine.
  v.regex(/^(\d{4}|[+-]\d{6})-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/),
  v.transform((moment) => new Date(moment)),
  v.check((date) => !Number.isNaN(date.getTime())),
);

function regExp({ source, flags }: { source: string; flags: string }): RegExp | undefined {
  try {
    return new RegExp(source, flags);
  } catch {
    return undefined; // the schema reports that it expected one
  }
}

function typed({
  type,
  data,
}: {
  type: string;
  data: Uint8Array<ArrayBuffer>;
}): object | undefined {
  if (type === "ArrayBuffer") return data.buffer;
  const constructor = typedArrayTypes.find(({ name }) => name === type);
  if (constructor === undefined) return undefined;
  const { BYTES_PER_ELEMENT = 1 } = constructor;
  return data.length % BYTES_PER_ELEMENT === 0 ? new constructor(data.buffer) : undefined;
}

interface Form {
  readonly expected: string;
  readonly schema: v.GenericSchema<unknown, unknown>;
}

/** By key. The table in docs/values.md is tested against it. */
export const forms: ReadonlyMap<string, Form> = new Map<string, Form>(
  Object.entries({
    $number: {
      expected: '{"$number":"NaN"}, or "Infinity", "-Infinity", "-0"',
      schema: v.pipe(v.picklist(["NaN", "Infinity", "-Infinity", "-0"]), v.transform(Number)),
    },
    $undefined: {
      expected: '{"$undefined":true}',
      schema: v.pipe(
        v.literal(true),
        v.transform(() => undefined),
      ),
    },
    $bigint: {
      expected: '{"$bigint":"123"}',
      schema: v.pipe(
        v.string(),
        v.regex(/^-?\d+$/),
        v.transform((digits) => BigInt(digits)),
      ),
    },
    $string: {
      expected: '{"$string":"…"}, base64 of UTF-16 in little-endian order',
      schema: Utf16,
    },
    $date: {
      expected: '{"$date":"2026-01-01T00:00:00.000Z"}, with a zone, or null for an invalid Date',
      schema: v.union([
        Moment,
        v.pipe(
          v.null(),
          v.transform(() => new Date(Number.NaN)),
        ),
      ]),
    },
    $map: {
      expected: '{"$map":[[key,value],…]}',
      schema: v.pipe(
        pairsOf(v.unknown()),
        v.transform((entries) => new Map(entries.map(untagPair))),
      ),
    },
    $set: {
      expected: '{"$set":[value,…]}',
      schema: v.pipe(
        v.array(v.unknown()),
        v.transform((values) => new Set(values.map(untag))),
      ),
    },
    $regexp: {
      expected: '{"$regexp":{"source":"a+","flags":"i"}}',
      schema: v.pipe(
        v.strictObject({ source: Text, flags: v.string() }),
        v.transform(regExp),
        v.instance(RegExp),
      ),
    },
    $url: {
      expected: '{"$url":"https://example.org/"}',
      schema: v.pipe(
        v.string(),
        v.check((url) => URL.canParse(url)),
        v.transform((url) => new URL(url)),
      ),
    },
    $bytes: { expected: '{"$bytes":"…"} in base64', schema: Bytes },
    $typed: {
      expected: '{"$typed":{"type":"Float64Array","data":"…"}} in base64, little-endian',
      schema: v.pipe(
        v.strictObject({ type: v.string(), data: Bytes }),
        v.transform(typed),
        v.instance(Object),
      ),
    },
    $object: {
      expected: '{"$object":[[key,value],…]}',
      schema: v.pipe(
        pairsOf(Text),
        v.transform((entries) =>
          Object.fromEntries(entries.map(([key, value]) => [key, untag(value)])),
        ),
      ),
    },
  }),
);

/**
 * Returns parsed JSON with each tag in it replaced by its value, in place if possible. An object
 * whose only key begins with "$" and is no tag, such as {"$gt":5}, stays as it is.
 *
 * @throws {UndecodableValue} for a tag with the wrong content.
 */
export function untag(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const keys = Object.keys(value);
  const key = keys.length === 1 ? keys[0] : undefined;
  const form = key?.startsWith("$") ? forms.get(key) : undefined;
  if (key === undefined || form === undefined) return untagWithin(value);
  const content: unknown = Reflect.get(value, key);
  const result = v.safeParse(form.schema, content);
  if (!result.success) {
    const remedy = `To pass an object with the key "${key}", write {"$object":[["${key}",…]]}.`;
    throw new UndecodableValue(value, form.expected, remedy);
  }
  return result.output;
}

/** Untags the items or fields of `container`, which is not a tag itself. */
export function untagWithin<T extends object>(container: T): T {
  for (const [key, before] of Object.entries(container)) {
    const after = untag(before);
    // "__proto__" is an ordinary key here too, so this sets no prototype.
    if (after !== before) Reflect.set(container, key, after);
  }
  return container;
}
