import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { lstatSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { requirePrivate } from "../../db/settings/secret-file.ts";
import { exitCodes, hasCode, InvalidInput, messageOf, PdoflowError } from "../../domain/errors.ts";

/** A file of keys that does not exist was named. */
export class KeyNotFound extends PdoflowError {
  override readonly name = "KeyNotFound";
  readonly exitCode = exitCodes.notFound;
}

/** The name of a key: the beginning of the digest of its public half. */
export function keyId(key: KeyObject): string {
  const open = key.type === "public" ? key : createPublicKey(key);
  const der = open.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, 32);
}

/** Creates a key in `file`, which only its owner can read, and its public half in `file`.pub. */
export function newKey(file: string): { keyId: string; publicFile: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const publicFile = `${file}.pub`;
  for (const each of [file, publicFile]) {
    if (lstatSync(each, { throwIfNoEntry: false })) {
      throw new InvalidInput(each, [
        "expected a new file, found an existing one, and left it unchanged",
      ]);
    }
  }
  const pem = (key: KeyObject, type: "pkcs8" | "spki") => key.export({ type, format: "pem" });
  writeNew(file, pem(privateKey, "pkcs8"), 0o600);
  writeNew(publicFile, pem(publicKey, "spki"), 0o644);
  return { keyId: keyId(publicKey), publicFile };
}

function writeNew(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode, flag: "wx" });
  } catch (error) {
    throw new InvalidInput(file, [`the key could not be written there: ${messageOf(error)}`]);
  }
}

/**
 * The key to sign with.
 *
 * @throws {InvalidInput} it is not a key, or other users can read it.
 */
export function readSigningKey(file: string): { keyId: string; sign: (text: string) => string } {
  const pem = textOfKey(file);
  requirePrivate(file);
  const key = keyOf(file, () => createPrivateKey(pem), "a private key of Ed25519");
  return {
    keyId: keyId(key),
    sign: (text) => sign(null, Buffer.from(text), key).toString("base64"),
  };
}

/** A key of either half. */
export function readAnyKey(file: string): { keyId: string; isPrivate: boolean } {
  const pem = textOfKey(file);
  const isPrivate = pem.includes("PRIVATE KEY");
  const key = isPrivate
    ? keyOf(file, () => createPrivateKey(pem), "a key of Ed25519")
    : readPublicKey(file);
  return { keyId: keyId(key), isPrivate };
}

function readPublicKey(file: string): KeyObject {
  const pem = textOfKey(file);
  if (pem.includes("PRIVATE KEY")) {
    throw new InvalidInput(file, [
      "expected a public key, found a private one, which only its signer may have",
    ]);
  }
  return keyOf(file, () => createPublicKey(pem), "a public key of Ed25519");
}

function textOfKey(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) {
      throw new KeyNotFound(`there is no key ${file}. Make one with: pdoflow keys new ${file}`);
    }
    throw new InvalidInput(file, [
      `expected a key, found a file that cannot be read: ${messageOf(error)}`,
    ]);
  }
}

function keyOf(file: string, make: () => KeyObject, expected: string): KeyObject {
  let key: KeyObject | null;
  try {
    key = make();
  } catch {
    key = null; // reported below: the message of OpenSSL helps nobody
  }
  if (key?.asymmetricKeyType === "ed25519") return key;
  throw new InvalidInput(file, [
    `expected ${expected} as \`pdoflow keys new\` writes it, found ` +
      (key === null ? "something else" : `one of ${key.asymmetricKeyType ?? "another kind"}`),
  ]);
}

export interface ListedKey {
  keyId: string;
  file: string;
  isRevoked: boolean;
  key: KeyObject;
}

/**
 * The keys of a folder: each file NAME.pub; the file `revoked` lists revoked ones.
 *
 * @throws {KeyNotFound} there is no such folder.
 * @throws {InvalidInput} a file in it is not a key, or other users can write there.
 */
export function readKeyFolder(folder: string): ListedKey[] {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    throw new KeyNotFound(
      `expected a folder of keys, found that ${folder} can't be read: ${messageOf(error)}`,
    );
  }
  requireOwned(folder);
  const revoked = names.includes("revoked") ? readRevoked(join(folder, "revoked")) : new Set();
  return names
    .filter((name) => name.endsWith(".pub"))
    .map((name) => {
      const file = join(folder, name);
      requireOwned(file);
      const key = readPublicKey(file);
      return { keyId: keyId(key), file, isRevoked: revoked.has(keyId(key)), key };
    });
}

/** A user who can write there decides which code runs. */
export function requireOwned(path: string): void {
  const { mode } = statSync(path);
  if ((mode & 0o022) === 0) return;
  throw new InvalidInput(path, [
    "expected that only its owner can write there, found that other users can. " +
      `Run: chmod go-w ${path}`,
  ]);
}

/** A key in each line; "#" begins a comment. */
function readRevoked(file: string): Set<string> {
  requireOwned(file);
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim());
  const wrong = lines.find((line) => line !== "" && !/^[0-9a-f]{32}$/.test(line));
  if (wrong !== undefined) {
    throw new InvalidInput(file, [
      `expected a key in each line, 32 letters as in "pdoflow keys list", found "${wrong}"`,
    ]);
  }
  return new Set(lines.filter((line) => line !== ""));
}
