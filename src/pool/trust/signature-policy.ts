import { type KeyObject, verify } from "node:crypto";

import type { RunnablePosting } from "../../db/engine/leases.ts";
import {
  type Block,
  blockAt,
  blockDigest,
  parseBlocks,
  sha256,
} from "../../db/posting/block-digests.ts";
import { readBlock, readSignatures, type SignatureRow } from "../../db/posting/signatures.ts";
import type { Provides } from "../../domain/capabilities.ts";
import { parseEntryPoint } from "../../domain/entry-point.ts";
import { PdoflowError } from "../../domain/errors.ts";
import {
  changeOf,
  limitChangeOf,
  parseStatement,
  type Statement,
} from "../../domain/signed-posting.ts";
import { sweepLines } from "../../domain/sweep.ts";
import { codeDigest } from "../entry/code-digest.ts";
import type { LeasedJob } from "../wire/leased-job.ts";
import { readKeyFolder } from "./keys.ts";
import type { AdmissionPolicy, AskDatabase, PolicyDecision } from "./admission-policy.ts";

/** The signed statement of a posting whose signature is valid. */
interface SignedPosting {
  statement: Statement;
  blocks: Block[];
  /** The arguments of a job of a sweep. */
  line: ((seq: number) => string) | null;
}

/** The jobs of a posting within one of its blocks. */
interface SignedRange {
  postingId: number;
  form: Statement["arguments"]["form"];
  firstSeq: number;
  block: Block;
  jobs: LeasedJob[];
}

/** A posting that this pool does not run. The message has the reason. */
class SignatureRefused extends Error {
  override readonly name = "SignatureRefused";
}

const keysReadEveryMs = 1_000;
const postingsKept = 1_000;
/** Partly claimed blocks are kept: the rest may come with the next claims. */
const blocksKept = 64;

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
  readonly #blocks = new Map<string, Map<number, { index: number; args: string }>>();
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
  async check(jobs: readonly LeasedJob[], ask: AskDatabase): Promise<PolicyDecision> {
    this.#readKeysAgain();
    const refused = new Map<number, string>();
    const byPosting = Map.groupBy(jobs, ({ posting }) => posting.id);
    const signatures = await this.#readSignatures([...byPosting.keys()], ask);
    let isCodeNew = false;
    for (const [id, own] of byPosting) {
      try {
        const signed = this.#signed.get(id) ?? this.#verify(signatures.get(id));
        this.#signed.set(id, signed);
        for (const posting of new Set(own.map((job) => job.posting))) {
          checkOptions(signed, posting);
        }
        isCodeNew = (await this.#checkCode(signed)) || isCodeNew;
        await this.#checkJobs(signed, own, ask);
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

  async #checkJobs(
    signed: SignedPosting,
    jobs: readonly LeasedJob[],
    ask: AskDatabase,
  ): Promise<void> {
    const { line } = signed;
    if (line) {
      for (const job of jobs) {
        const isInside = job.index === job.seq && job.seq < signed.statement.jobCount;
        if (!isInside || job.args !== line(job.seq)) refuse(job);
      }
      return;
    }
    for (const piece of piecesOf(signed, jobs)) {
      const { postingId, firstSeq, form, block } = piece;
      if (form === "text") for (const job of piece.jobs) if (job.index !== job.seq) refuse(job);
      if (piece.jobs.length === block.endSeq - firstSeq) {
        if (blockDigest(form, piece.jobs) !== block.digest) refuse(piece.jobs[0]);
        continue;
      }
      const name = `${postingId}/${firstSeq} ${block.digest}`;
      let known = this.#blocks.get(name);
      if (!known) {
        const range = { postingId, firstSeq, endSeq: block.endSeq };
        const stored = await ask((db) => readBlock(db, range));
        if (blockDigest(form, stored) !== block.digest) refuse(piece.jobs[0]);
        known = new Map(stored.map((job, i) => [firstSeq + i, job]));
        this.#blocks.set(name, known);
        dropOldest(this.#blocks, blocksKept);
      }
      for (const job of piece.jobs) {
        const { index, args } = known.get(job.seq) ?? {};
        if (index !== job.index || args !== job.args) refuse(job);
      }
    }
  }
}

/** @throws {SignatureRefused} the posting differs from its signed statement. */
function checkOptions({ statement }: SignedPosting, posting: RunnablePosting): void {
  const change = changeOf(statement, posting);
  if (change?.startsWith("number") === true) {
    throw new SignatureRefused(`its signature is that of posting ${statement.posting}`);
  }
  if (change !== null) throw new SignatureRefused(`it was changed after it was signed (${change})`);
}

function refuse(job: LeasedJob | undefined): never {
  throw new SignatureRefused(
    `arguments of it were changed after it was signed (at job ${job?.posting.id}/${job?.index} ` +
      "or near)",
  );
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

/** The jobs of one posting, by block. */
function piecesOf({ statement, blocks }: SignedPosting, jobs: readonly LeasedJob[]): SignedRange[] {
  const pieces: SignedRange[] = [];
  const { posting: postingId } = statement;
  const { form } = statement.arguments;
  let at = -1;
  let firstSeq = 0;
  for (const job of jobs.toSorted((a, b) => a.seq - b.seq)) {
    let block = blocks[at];
    if (!block || job.seq >= block.endSeq) {
      at = blockAt(blocks, job.seq);
      block = blocks[at];
      if (!block) refuse(job);
      firstSeq = blocks[at - 1]?.endSeq ?? 0;
      pieces.push({ postingId, form, firstSeq, block, jobs: [] });
    }
    pieces.at(-1)?.jobs.push(job);
  }
  return pieces;
}

const textOfKeys = (keys: readonly { keyId: string; isRevoked: boolean }[]): string =>
  keys.map(({ keyId, isRevoked }) => `${keyId} ${isRevoked}`).join("\n");

function dropOldest<K>(map: Map<K, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
