// Arguments and results as JSON that jsonb accepts and that SQL can query. Values of JSON are
// written as they are; any other value as an object with one key that begins with "$", such as
// {"$number":"NaN"}. docs/values.md lists them, values-decode.ts reads them back.

import { exitCodes, PdoflowError } from "../domain/errors.ts";
import { typedArrayTypes, UndecodableValue, untag, untagWithin } from "./values-decode.ts";

// User code may replace them.
const { parse, stringify } = JSON;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The arguments of one job: a list, or an object of keyword arguments. */
export type Arguments = readonly unknown[] | Readonly<Record<string, unknown>>;

/** A value that cannot be passed to a worker: code, a class instance, a cycle. */
export class UnencodableValue extends PdoflowError {
  override readonly name = "UnencodableValue";
  readonly exitCode = exitCodes.usage;
  /** Its path, such as `[2].options["a b"]`; empty for the value itself. */
  readonly path: string;
  constructor(path: string, found: string, remedy: string) {
    super(`Cannot encode the value${path && ` at ${path}`}: it is ${found}. ${remedy}`);
    this.path = path;
  }
}

/**
 * JSON text of `value` that jsonb accepts and `decodeValue` reads back (rule 11). For plain JSON
 * values this equals JSON.stringify. As there, objects and arrays consist of their enumerable
 * string keys and items. With `callsToJson`, an object with a method toJSON is replaced by the
 * result of that method, as there. Not so in arguments: the function would get a value of another
 * type than it declares.
 *
 * @throws {UnencodableValue} with the path to a function, symbol, class instance or cycle.
 */
export const encodeValue = (value: unknown, { callsToJson = false } = {}): string =>
  plainText(value) ?? stringify(tag(value, undefined, callsToJson));

/**
 * Reverses `encodeValue`. Accepts any JSON text; a Buffer comes back as a Uint8Array.
 *
 * @throws {UndecodableValue} for a tag with the wrong content.
 */
export function decodeValue(text: string): unknown {
  const value: unknown = parse(text);
  return mayHaveTags(text) ? untag(value) : value;
}

/**
 * JSON text of one job's arguments. Like `encodeValue`, but an object is always keyword arguments:
 * `{ $number: "NaN" }` is one argument with an odd name.
 *
 * @throws {UnencodableValue} as `encodeValue`, and for names that jsonb cannot hold.
 */
export function encodeArgs(args: Arguments): string {
  if (!isContainer(args) || !(is(args, Array) || isFields(args))) {
    throw new UnencodableValue("", describe(args), "Pass an array or an object of arguments.");
  }
  const plain = plainText(args);
  if (plain !== undefined) return plain;
  if (is(args, Array)) return stringify(tag(args, undefined));
  const spot = enter(args, undefined);
  const entries = tagEntries(args, spot);
  for (const [name] of entries) {
    spot.step = name;
    const found = "an argument whose name has NUL or half a surrogate pair";
    if (!isSafe(name)) throw new UnencodableValue(pathOf(spot), found, "Rename it.");
  }
  return stringify(Object.fromEntries(entries));
}

/**
 * Reverses `encodeArgs`: an array for positional arguments, an object for keyword arguments.
 *
 * @throws {UndecodableValue} for any other JSON, and for a tag with the wrong content.
 */
export function decodeArgs(text: string): unknown[] | Record<string, unknown> {
  const args: unknown = parse(text);
  if (!isContainer(args)) throw new UndecodableValue(args, "a list or an object of arguments");
  return mayHaveTags(text) ? untagWithin(args) : args;
}

const isContainer = (value: unknown): value is unknown[] | Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** jsonb itself never writes \u0024 for "$", but a file may. */
const mayHaveTags = (text: string) => /"(?:\$|\\u0024)/.test(text);

/** JSON.stringify's text, if nothing in `value` needs a tag or is refused: the usual case. */
function plainText(value: unknown): string | undefined {
  if (!isPlain(value, 100)) return undefined;
  const text = stringify(value);
  // \u: perhaps a NUL or half a surrogate pair. "$: perhaps an object that looks like a tag.
  return /\\u|"\$/.test(text) ? undefined : text;
}

/** Whether JSON can express all of `value`. Also false for more than `depth` levels. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value === "number") return isJsonNumber(value);
  if (typeof value !== "object" || depth === 0) return false;
  if (is(value, Array)) {
    for (const item of value) if (!isPlain(item, depth - 1)) return false;
    return true;
  }
  if (!isFields(value)) return false;
  for (const key in value) if (!isPlain(value[key], depth - 1)) return false;
  return true;
}

const isJsonNumber = (value: number) => Number.isFinite(value) && !Object.is(value, -0);

/** Whether jsonb can hold `text`: it refuses NUL and half a surrogate pair, even as escapes. */
const isSafe = (text: string) => text.isWellFormed() && !text.includes("\0");

/** By prototype, not `instanceof`: a subclass would come back as its parent. */
const is = <T extends object>(value: object, type: { readonly prototype: T }): value is T =>
  Object.getPrototypeOf(value) === type.prototype;

function isFields(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The path from the root to a value: its containers, each with the index or key. */
interface Spot {
  readonly up?: Spot | undefined;
  readonly container: object;
  step: number | string;
  readonly callsToJson: boolean;
}

function tag(
  value: unknown,
  spot: Spot | undefined,
  callsToJson = spot?.callsToJson ?? false,
): Json {
  if (value === undefined) return { $undefined: true };
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return tagString(value);
  if (typeof value === "number") return tagNumber(value);
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (typeof value === "object") return tagObject(value, enter(value, spot, callsToJson));
  return refuse(value, spot);
}

function tagNumber(value: number): Json {
  if (isJsonNumber(value)) return value;
  return { $number: Object.is(value, -0) ? "-0" : String(value) };
}

const tagString = (text: string): Json =>
  isSafe(text) ? text : { $string: Buffer.from(text, "utf16le").toString("base64") };

function tagObject(value: object, spot: Spot): Json {
  if (is(value, Array)) return tagItems(value, spot);
  if (isFields(value)) {
    return spot.callsToJson && hasToJson(value) ? tagToJson(value, spot) : tagFields(value, spot);
  }
  if (is(value, Date)) return { $date: value.toJSON() };
  if (is(value, Map)) return { $map: tagItems([...value], spot) };
  if (is(value, Set)) return { $set: tagItems([...value], spot) };
  if (is(value, RegExp)) {
    return { $regexp: { source: tagString(value.source), flags: value.flags } };
  }
  if (is(value, URL)) return { $url: value.href };
  if (is(value, ArrayBuffer)) {
    return { $typed: { type: "ArrayBuffer", data: base64(new Uint8Array(value)) } };
  }
  if (ArrayBuffer.isView(value)) return tagView(value, spot);
  return spot.callsToJson && hasToJson(value) ? tagToJson(value, spot) : refuse(value, spot.up);
}

interface HasToJson {
  toJSON(key: string): unknown;
}

const hasToJson = (value: object): value is HasToJson =>
  typeof (value as Partial<HasToJson>).toJSON === "function";

function tagToJson(value: HasToJson, spot: Spot): Json {
  const key = String(spot.up?.step ?? "");
  spot.step = "toJSON()";
  return tag(value.toJSON(key), spot);
}

function tagView(view: ArrayBufferView, spot: Spot): Json {
  const prototype: unknown = Object.getPrototypeOf(view);
  if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) {
    return { $bytes: base64(view) };
  }
  const type = typedArrayTypes.find((type) => type.prototype === prototype);
  if (type === undefined) return refuse(view, spot.up);
  return { $typed: { type: type.name, data: base64(view) } };
}

const base64 = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  Buffer.from(buffer, byteOffset, byteLength).toString("base64");

// Array.from visits holes as undefined, `map` would leave them out.
const tagItems = (items: readonly unknown[], spot: Spot): Json[] =>
  Array.from(items, (item, index) => {
    spot.step = index;
    return tag(item, spot);
  });

const tagEntries = (fields: Record<string, unknown>, spot: Spot): [string, Json][] =>
  Object.entries(fields).map(([key, value]) => {
    spot.step = key;
    return [key, tag(value, spot)];
  });

function tagFields(fields: Record<string, unknown>, spot: Spot): Json {
  const entries = tagEntries(fields, spot);
  const looksLikeTag = entries.length === 1 && entries[0]?.[0].startsWith("$");
  if (looksLikeTag || !entries.every(([key]) => isSafe(key))) {
    return { $object: entries.map(([key, value]) => [tagString(key), value]) };
  }
  return Object.fromEntries(entries); // not assignment: a "__proto__" key would set the prototype
}

const depthMax = 1000;

function enter(
  container: object,
  up: Spot | undefined,
  callsToJson = up?.callsToJson ?? false,
): Spot {
  let depth = 0;
  for (let spot = up; spot !== undefined; spot = spot.up) {
    depth += 1;
    if (spot.container === container) {
      const back = pathOf(spot.up) || "the whole value";
      const remedy = "Pass a tree: refer to the other by an id.";
      throw new UnencodableValue(pathOf(up), `a cycle: it refers back to ${back}`, remedy);
    }
  }
  if (depth > depthMax) {
    const found = `nested in more than ${depthMax} others`;
    throw new UnencodableValue(pathOf(up), found, "Pass a flat list.");
  }
  return { up, container, step: "", callsToJson };
}

function pathOf(spot: Spot | undefined): string {
  let path = "";
  for (let at = spot; at !== undefined; at = at.up) path = stepText(at.step) + path;
  return path.replace(/^\./, "");
}

/** An element of a path: `[2]`, `.options` or `["a b"]`. */
export function stepText(step: number | string): string {
  if (typeof step === "number") return `[${step}]`;
  if (step === "toJSON()") return ".toJSON()";
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step) ? `.${step}` : stringify([step]);
}

function refuse(value: unknown, spot: Spot | undefined): never {
  throw new UnencodableValue(pathOf(spot), describe(value), remedyFor(value));
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
  if (typeof name !== "string" || name === "" || name === "Object") return "a class instance";
  return `an instance of ${name}`;
}

function remedyFor(value: unknown): string {
  if (typeof value === "function") return "Import or define it in the job's own file.";
  if (typeof value === "symbol") return "Pass a string.";
  if (value instanceof Promise) return "Await it first.";
  if (value instanceof Error) return "Pass its message and its stack.";
  return "Pass its data as a plain object.";
}
