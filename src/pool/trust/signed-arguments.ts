import { separator } from "../../db/connection/array.ts";
import {
  type Block,
  blockAt,
  blockDigest,
  type DigestedJobs,
} from "../../db/posting/block-digests.ts";
import { readBlock } from "../../db/posting/signatures.ts";
import { dropOldest } from "../../domain/drop-oldest.ts";
import type { Statement } from "../../domain/signed-posting.ts";
import { countJobs, jobAt } from "../wire/leased-job.ts";
import { type LeasedRun, RunList } from "../wire/leased-run.ts";
import type { AskDatabase } from "./admission-policy.ts";

/** The jobs of a posting whose signature is valid. */
interface SignedJobs {
  statement: Pick<Statement, "posting" | "jobCount" | "arguments">;
  blocks: Block[];
  /** The arguments of a job of a sweep. */
  line: ((seq: number) => string) | null;
}

/** With its whole statement. */
export interface SignedPosting extends SignedJobs {
  statement: Statement;
}

/** The claimed jobs of a posting within one of its blocks. */
interface SignedPiece {
  block: Block;
  firstSeq: number;
  runs: LeasedRun[];
}

/** A posting that this pool does not run. The message has the reason. */
export class SignatureRefused extends Error {
  override readonly name = "SignatureRefused";
}

/** Partly claimed blocks are kept: the rest may come with the next claims. */
const blocksKept = 64;

/** Compares the arguments of claimed jobs with the signed ones. */
export class SignedArguments {
  /** The lines and indexes of blocks, by posting, first seq and digest. */
  readonly #blocks = new Map<string, { lines: readonly string[]; indexes: readonly number[] }>();

  forget(): void {
    this.#blocks.clear();
  }

  /** @throws {SignatureRefused} a job has other arguments than the ones that were signed. */
  async check(signed: SignedJobs, runs: readonly LeasedRun[], ask: AskDatabase): Promise<void> {
    const { line, statement } = signed;
    if (line) {
      for (const run of runs) checkSweep(run, line, statement.jobCount);
      return;
    }
    for (const piece of piecesOf(signed, runs)) await this.#checkPiece(statement, piece, ask);
  }

  async #checkPiece(
    { posting, arguments: { form } }: SignedJobs["statement"],
    { block, firstSeq, runs }: SignedPiece,
    ask: AskDatabase,
  ): Promise<void> {
    const list = new RunList(runs);
    if (form === "text" && !runs.every(isInOrder)) refuse(runs[0]);
    if (isWhole(runs, firstSeq, block.endSeq)) {
      const indexes = runs.flatMap(indexesOf);
      if (blockDigest(form, { args: list.args, indexes }) !== block.digest) refuse(runs[0]);
      return;
    }
    const name = `${posting}/${firstSeq} ${block.digest}`;
    let known = this.#blocks.get(name);
    if (!known) {
      const range = { postingId: posting, firstSeq, endSeq: block.endSeq };
      const stored: DigestedJobs | null = await ask((db) => readBlock(db, range));
      if (stored === null || blockDigest(form, stored) !== block.digest) refuse(runs[0]);
      known = { lines: stored.args.split(separator), indexes: stored.indexes };
      this.#blocks.set(name, known);
      dropOldest(this.#blocks, blocksKept);
    }
    for (const run of runs) {
      const from = run.firstSeq - firstSeq;
      const lines = known.lines.slice(from, from + run.count);
      const hasIndexes = indexesOf(run).every((index, i) => index === known.indexes[from + i]);
      if (lines.join(separator) !== run.args || !hasIndexes) refuse(run);
    }
  }
}

function checkSweep(run: LeasedRun, line: (seq: number) => string, jobCount: number): void {
  const { firstSeq, count, args } = run;
  if (!isInOrder(run) || firstSeq + count > jobCount) refuse(run);
  const lines = Array.from({ length: count }, (_, offset) => line(firstSeq + offset));
  if (lines.join(separator) !== args) refuse(run);
}

/** The jobs of one posting, by block. */
function piecesOf({ blocks }: SignedJobs, runs: readonly LeasedRun[]): SignedPiece[] {
  const pieces: SignedPiece[] = [];
  for (const run of runs.toSorted((a, b) => a.firstSeq - b.firstSeq)) {
    for (let rest = new RunList([run]); rest.first;) {
      const { first } = rest;
      const at = blockAt(blocks, first.firstSeq);
      const block = blocks[at];
      if (!block) refuse(first);
      const [part, others] = rest.split(block.endSeq - first.firstSeq);
      const last = pieces.at(-1);
      if (last?.block === block) last.runs.push(...part.runs);
      else pieces.push({ block, firstSeq: blocks[at - 1]?.endSeq ?? 0, runs: [...part.runs] });
      rest = others;
    }
  }
  return pieces;
}

/** Whether they are all jobs of a block. */
function isWhole(runs: readonly LeasedRun[], firstSeq: number, endSeq: number): boolean {
  let next = firstSeq;
  for (const run of runs) if (run.firstSeq === next) next += run.count;
  return next === endSeq && countJobs(runs) === endSeq - firstSeq;
}

const indexesOf = ({ indexes, firstSeq, count }: LeasedRun): readonly number[] =>
  indexes ?? Array.from({ length: count }, (_, offset) => firstSeq + offset);

/** Whether the index of each job is its seq. */
const isInOrder = ({ indexes, firstSeq }: LeasedRun) =>
  indexes === null || indexes.every((index, offset) => index === firstSeq + offset);

function refuse(run: LeasedRun | undefined): never {
  const job = run && jobAt(run, 0);
  throw new SignatureRefused(
    `arguments of it were changed after it was signed (at job ${job?.posting.id}/${job?.index} ` +
      "or near)",
  );
}
