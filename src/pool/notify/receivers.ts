import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

import * as v from "valibot";

import { exitCodes, messageOf, PdoflowError } from "../../domain/errors.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";
import { parseNetwork } from "./addresses.ts";
import { requireOwnFolder, textOfOwnFile } from "./own-file.ts";
import { parseToml, type TomlDocument } from "./toml-lines.ts";

/** Files of receivers have errors; the message has a line for each. It never quotes a value. */
export class ReceiverInvalid extends PdoflowError {
  override readonly name = "ReceiverInvalid";
  readonly exitCode = exitCodes.usage;
  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
  }
}

/** There is no such folder of receivers, or no such receiver in it. */
export class ReceiverNotFound extends PdoflowError {
  override readonly name = "ReceiverNotFound";
  readonly exitCode = exitCodes.notFound;
}

export const templates = ["json", "slack", "mattermost", "ntfy"] as const;

const word = v.pipe(v.string(), v.nonEmpty());
/** No control character, comma or angle bracket: nothing that could begin another header. */
const Address = v.pipe(
  v.string(),
  v.regex(/^[^\s\p{C}<>,;:"()[\]\\@]+@[^\s\p{C}<>,;:"()[\]\\@]+$/u),
);

/** A URL without a name, a password or a fragment. */
const Url = v.pipe(
  v.string(),
  v.url(),
  v.transform((text) => new URL(text)),
  v.check(({ protocol }) => protocol === "https:" || protocol === "http:"),
  v.check(({ username, password, hash }) => username + password + hash === ""),
);

/** 24 to 64 bytes in base64, as Standard Webhooks has them. */
const Secret = v.pipe(
  v.string(),
  v.regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/),
  v.transform((text) => Buffer.from(text.slice("whsec_".length), "base64")),
  v.check(({ length }) => length >= 24 && length <= 64),
);

const listOf = <T>(schema: v.GenericSchema<string, T>, most: number) =>
  v.pipe(
    v.union([
      v.pipe(
        schema,
        v.transform((one) => [one]),
      ),
      v.array(schema),
    ]),
    v.minLength(1),
    v.maxLength(most),
  );

const Network = v.pipe(
  v.string(),
  v.transform(parseNetwork),
  v.custom<NonNullable<ReturnType<typeof parseNetwork>>>((network) => network !== null),
);

/** The keys of each kind of receiver: their schemas, and what they expect. */
const kinds = {
  url: {
    url: [Url, 'a URL such as "https://example.com/hook", without a user name, password or #'],
    secret: [listOf(Secret, 2), '"whsec_…" with 24 to 64 bytes in base64, or a list of two'],
    token: [v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,4096}$/)), "a text without spaces"],
    template: [v.picklist(templates), templates.map((name) => `"${name}"`).join(", ")],
    insecure: [v.boolean(), "true or false"],
    allow: [
      v.pipe(v.array(Network), v.maxLength(100)),
      'a list of addresses and networks, such as ["10.1.2.3", "192.168.0.0/16"]',
    ],
  },
  command: {
    command: [v.pipe(v.array(word), v.minLength(1)), 'a list of words, such as ["./page.sh"]'],
  },
  mail: {
    mail: [listOf(Address, 20), 'an address such as "ann@example.com", or a list'],
    from: [Address, 'an address such as "pdoflow@example.com"'],
    sendmail: [v.pipe(v.array(word), v.minLength(1)), 'a list of words, such as ["msmtp", "-t"]'],
  },
} satisfies Record<string, Record<string, [v.GenericSchema, string]>>;

type Kinds = typeof kinds;
type FileValues<K extends keyof Kinds> = {
  [Key in keyof Kinds[K]]: Kinds[K][Key] extends [infer S extends v.GenericSchema, string]
    ? v.InferOutput<S>
    : never;
};

/** A receiver of notifications, as its file describes it. */
export type Receiver = { name: string; folder: string } & (
  | ({ kind: "url" } & Pick<FileValues<"url">, "url"> & Partial<FileValues<"url">>)
  | ({ kind: "command" } & FileValues<"command">)
  | ({ kind: "mail" } & Pick<FileValues<"mail">, "mail"> & Partial<FileValues<"mail">>)
);

const namePattern = /^[a-z][a-z0-9_-]{0,39}$/;
const ending = ".toml";

/**
 * The receivers in the files of a folder, such as notify.d/slack.toml. Other names, folders and
 * special files are ignored.
 *
 * @throws {ReceiverNotFound} there is no such folder, or no file in it.
 * @throws {ReceiverInvalid} with the errors of all files.
 */
export function readReceivers(folder: string): Receiver[] {
  let files: string[];
  try {
    files = readdirSync(folder).filter((file) => isReceiverFile(folder, file));
  } catch (error) {
    throw new ReceiverNotFound(
      `expected a folder of receivers, found that ${folder} can't be read: ${messageOf(error)}`,
    );
  }
  requireOwnFolder(folder); // its files may name commands
  if (files.length === 0) {
    throw new ReceiverNotFound(
      `expected a file such as slack.toml in ${folder}, found none. Write one with the line ` +
        'url = "https://…" (docs/notifications.md).',
    );
  }
  const faults: string[] = [];
  const receivers = files.sort().flatMap((file) => {
    const found = readFile(folder, file.slice(0, -ending.length));
    if (!Array.isArray(found)) return [found];
    faults.push(...found);
    return [];
  });
  if (faults.length > 0) throw new ReceiverInvalid(faults);
  return receivers;
}

/** Also a symlink that leads nowhere, so that its receiver is not missed silently. */
function isReceiverFile(folder: string, file: string): boolean {
  if (!file.endsWith(ending) || !namePattern.test(file.slice(0, -ending.length))) return false;
  return statSync(join(folder, file), { throwIfNoEntry: false })?.isFile() ?? true;
}

/**
 * The receiver with this name.
 *
 * @throws {ReceiverNotFound} {ReceiverInvalid} {InvalidInput} another user can change it.
 */
export function readReceiver(folder: string, name: string): Receiver {
  if (existsSync(folder)) requireOwnFolder(folder);
  const found = readFile(folder, name);
  if (!Array.isArray(found)) return found;
  throw new ReceiverInvalid(found);
}

/** The receiver, or the errors of its file. */
function readFile(folder: string, name: string): Receiver | string[] {
  const file = join(folder, `${name}${ending}`);
  if (!namePattern.test(name)) {
    const rule = "up to 40 of a-z, 0-9, _ and -, a letter first";
    return [`${file}: expected a file named with ${rule}, found "${name}"`];
  }
  const text = textOfOwnFile(file);
  if (text === null) throw new ReceiverNotFound(`there is no receiver ${file}.`);
  const document = parseToml(text);
  if ("problem" in document) {
    const line = 'a line such as url = "https://example.com/hook"';
    return [`${file}:${document.line}: expected TOML, with ${line}`]; // the problem may quote it
  }
  const receiver = receiverOf(document, { name, folder: resolve(folder) });
  if (!Array.isArray(receiver)) return receiver;
  return receiver.map(({ key, text }) => {
    return `${file}:${document.lineOf(key === null ? [] : [key])}: ${text}`;
  });
}

interface Fault {
  key: string | null;
  text: string;
}

function receiverOf(
  { values }: TomlDocument,
  place: { name: string; folder: string },
): Receiver | Fault[] {
  const given = (Object.keys(kinds) as (keyof Kinds)[]).filter((kind) => kind in values);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    const found = given.length === 0 ? "none of them" : given.join(" and ");
    return [{ key: given[1] ?? null, text: `expected url, command or mail, found ${found}` }];
  }
  const schemas: Record<string, [v.GenericSchema, string]> = kinds[kind];
  const faults: Fault[] = [];
  const parsed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    const [schema, expected] = schemas[key] ?? [];
    const result = schema && v.safeParse(schema, value);
    if (result === undefined) {
      const known = Object.keys(schemas);
      const like = didYouMean(similarNames(key, known));
      const remedy = like === "" ? ` Expected one of ${known.join(", ")}.` : like;
      faults.push({ key, text: `unknown key with ${kind}.${remedy}` });
    } else if (result.success) parsed[key] = result.output;
    else faults.push({ key, text: `${key}: expected ${expected}` });
  }
  if (parsed["url"] instanceof URL && parsed["url"].protocol === "http:") {
    const isMeant = parsed["insecure"] === true;
    const text = "url: expected https. If the receiver has only http, add insecure = true";
    if (!isMeant) faults.push({ key: "url", text });
  }
  return faults.length > 0 ? faults : ({ ...place, kind, ...parsed } as Receiver);
}
