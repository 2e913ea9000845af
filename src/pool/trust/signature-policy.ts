import { type KeyObject, verify } from "node:crypto";

import type { RunnablePosting } from "../../db/engine/leases.ts";
import { parseBlocks, sha256 } from "../../db/posting/block-digests.ts";
import { readSignatures, type SignatureRow } from "../../db/posting/signatures.ts";
import type { Provides } from "../../domain/capabilities.ts";
import { dropOldest } from "../../domain/drop-oldest.ts";
import { parseEntryPoint } from "../../domain/entry-point.ts";
import { PdoflowError } from "../../domain/errors.ts";
import { changeOf, limitChangeOf, parseStatement } from "../../domain/signed-posting.ts";
import { sweepLines } from "../../domain/sweep.ts";
import { codeDigest } from "../entry/code-digest.ts";
import type { LeasedRun } from "../wire/leased-run.ts";
import { readKeyFolder } from "./keys.ts";
import { SignatureRefused, SignedArguments, type SignedPosting } from "./signed-arguments.ts";
import type { AdmissionPolicy, AskDatabase, PolicyDecision } from "./admission-policy.ts";

const keysReadEveryMs = 1_000;
const postingsKept = 1_000;

/** Admits only postings that one of the pool's keys has signed, unchanged since. */
export class SignaturePolicy implements AdmissionPolicy {
  readonly #folder: string;
  readonly #root: string;
  readonly #provides: Provides;
  #keys: ReadonlyMap<string, { key: KeyObject; isRevoked: boolean }>;
  #keysText: string;
  #keysReadAt = performance.now();
  #hasOtherKeys = false;
  readonly #signed = new Map<number, SignedPosting>();
  readonly #arguments = new SignedArguments();
  /** By entry point: the digest of the code that workers have imported. */
  readonly #code = new Map<string, string>();

  /** @throws {PdoflowError} the folder contains something other than keys. */
  constructor(folder: string, { root, provides }: { root: string; provides: Provides }) {
    this.#folder = folder;
    this.#root = root;
    this.#provides = provides;
    const keys = readKeyFolder(folder);
    this.#keys = new Map(keys.map((each) => [each.keyId, each]));
    this.#keysText = textOfKeys(keys);
  }

  get keyCount(): number {
    return [...this.#keys.values()].filter(({ isRevoked }) => !isRevoked).length;
  }

  /** Decides which of these jobs may run. */
  async check(runs: readonly LeasedRun[], ask: AskDatabase): Promise<PolicyDecision> {
    this.#readKeysAgain();
    const refused = new Map<number, string>();
    const byPosting = Map.groupBy(runs, ({ posting }) => posting.id);
    const signatures = await this.#readSignatures([...byPosting.keys()], ask);
    let isCodeNew = false;
    for (const [id, own] of byPosting) {
      try {
        const signed = this.#signed.get(id) ?? this.#verify(signatures.get(id));
        this.#signed.set(id, signed);
        for (const posting of new Set(own.map((run) => run.posting))) {
          checkOptions(signed, posting);
        }
        isCodeNew = (await this.#checkCode(signed)) || isCodeNew;
        await this.#arguments.check(signed, own, ask);
      } catch (error) {
        if (!(error instanceof SignatureRefused)) throw error;
        this.#signed.delete(id); // if it is resumed, it is checked anew
        refused.set(id, error.message);
      }
    }
    dropOldest(this.#signed, postingsKept);
    return { refused, isCodeNew };
  }

  /**
   * Pinned code is not checked here: that needs files, and the check at the claim is early enough.
   */
  async screen(
    postings: readonly RunnablePosting[],
    ask: AskDatabase,
  ): Promise<ReadonlyMap<number, string>> {
    const refused = new Map<number, string>();
    const ids = postings.map(({ id }) => id);
    const signatures = await this.#readSignatures(ids, ask);
    for (const posting of postings) {
      const { id } = posting;
      try {
        checkOptions(this.#signed.get(id) ?? this.#verify(signatures.get(id)), posting);
      } catch (error) {
        if (!(error instanceof SignatureRefused)) throw error;
        refused.set(id, error.message);
      }
    }
    return refused;
  }

  /** The signatures of postings that were not verified yet. */
  async #readSignatures(
    ids: readonly number[],
    ask: AskDatabase,
  ): Promise<ReadonlyMap<number, SignatureRow>> {
    const unknown = ids.filter((id) => !this.#signed.has(id));
    const rows = unknown.length === 0 ? [] : await ask((db) => readSignatures(db, unknown));
    return new Map(rows.map((row) => [row.postingId, row]));
  }

  /** Keys may be added and revoked while the pool runs. */
  #readKeysAgain(): void {
    if (performance.now() < this.#keysReadAt + keysReadEveryMs) return;
    this.#keysReadAt = performance.now();
    const keys = readKeyFolder(this.#folder);
    const text = textOfKeys(keys);
    if (text === this.#keysText) return;
    this.#keysText = text;
    this.#keys = new Map(keys.map((each) => [each.keyId, each]));
    this.#signed.clear();
    this.#hasOtherKeys = true;
  }

  forget(): void {
    this.#signed.clear();
    this.#arguments.forget();
  }

  hasChanged(): boolean {
    this.#readKeysAgain();
    const has = this.#hasOtherKeys;
    this.#hasOtherKeys = false;
    return has;
  }

  #verify(row: SignatureRow | undefined): SignedPosting {
    if (!row) throw new SignatureRefused("it is not signed");
    const known = this.#keys.get(row.keyId);
    if (!known)
      throw new SignatureRefused(`it is signed with a key that is not trusted (${row.keyId})`);
    if (known.isRevoked)
      throw new SignatureRefused(`it is signed with a key that was revoked (${row.keyId})`);
    const signature = Buffer.from(row.signature, "base64");
    if (!verify(null, Buffer.from(row.statement), known.key, signature)) {
      throw new SignatureRefused("its signature does not match its statement");
    }
    const statement = supported(() => parseStatement(row.statement));
    if (statement.arguments.blocks !== sha256(row.blocks)) {
      throw new SignatureRefused("the digests of its arguments were changed after it was signed");
    }
    const change = limitChangeOf(statement, row, this.#provides);
    if (change !== null)
      throw new SignatureRefused(`it was changed after it was signed (${change})`);
    const { form } = statement.arguments;
    const line = form === "sweep" ? supported(() => sweepLines(row.blocks)) : null;
    return { statement, blocks: line ? [] : parseBlocks(row.blocks), line };
  }

  /** Whether its code may differ from the code that workers have imported. */
  async #checkCode({ statement }: SignedPosting): Promise<boolean> {
    if (statement.code === null) return false;
    const { entryPoint } = statement;
    let code: string;
    try {
      code = await codeDigest(this.#root, parseEntryPoint(entryPoint));
    } catch (error) {
      if (error instanceof PdoflowError) throw new SignatureRefused(error.message);
      throw error;
    }
    if (code !== statement.code) {
      throw new SignatureRefused(
        `the code of ${entryPoint} differs from the code that its poster had`,
      );
    }
    const isNew = this.#code.get(entryPoint) !== code;
    this.#code.set(entryPoint, code);
    return isNew;
  }
}

/** @throws {SignatureRefused} the posting differs from its signed statement. */
function checkOptions({ statement }: SignedPosting, posting: RunnablePosting): void {
  const { upstream } = posting;
  if (upstream !== null) {
    throw new SignatureRefused(
      `it reads the results of posting ${upstream.posting}, which are not signed`,
    );
  }
  const change = changeOf(statement, posting);
  if (change?.startsWith("number") === true) {
    throw new SignatureRefused(`its signature is that of posting ${statement.posting}`);
  }
  if (change !== null) throw new SignatureRefused(`it was changed after it was signed (${change})`);
}

/** @throws {SignatureRefused} what was signed can't be parsed. */
function supported<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PdoflowError || error instanceof SyntaxError) {
      throw new SignatureRefused(
        "its signature has a form that this version of pdoflow does not support",
      );
    }
    throw error;
  }
}

const textOfKeys = (keys: readonly { keyId: string; isRevoked: boolean }[]): string =>
  keys.map(({ keyId, isRevoked }) => `${keyId} ${isRevoked}`).join("\n");
