import { Cli } from "clipanion";

import type { JobBatch } from "../../db/posting/batches.ts";
import { JobsDigester, digestOf } from "../../db/posting/jobs-digester.ts";
import type { FlowPlace } from "../../db/posting/flow.ts";
import type { NewPosting, Posted } from "../../db/posting/insert.ts";
import type { Db } from "../../db/connection/connect.ts";
import type { EdgeFacts } from "../../domain/edge-text.ts";
import type { EntryPoint } from "../../domain/entry-point.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { JobsDigest } from "../../domain/flow-spec.ts";
import { PostCommand } from "../commands/post.ts";
import type { NoteCommand } from "../input/command-jobs.ts";
import type { JobSources } from "../input/job-sources.ts";
import type { Reading } from "../input/reading-progress.ts";
import type { CliContext } from "../shell/context.ts";
import type { FileStage } from "./flow-file.ts";
import type { RecordedFlow } from "./recorded-flow.ts";

/** Where and how a stage is posted. */
interface StageTarget {
  db: Db;
  place: FlowPlace;
}

/** `post` as it is for a stage of a flow: in the transaction of the flow. */
export class StageCommand extends PostCommand {
  /** The name of its posting, unless it has one of its own. */
  defaultName = "";
  /** Reports a message. */
  note: (text: string) => void = () => {};
  /** Keeps what is posted, for a schedule. */
  recorded: RecordedFlow | null = null;
  #target: StageTarget | null = null;
  #posted: { id: number | null; jobCount: number } | null = null;
  #sources: JobSources | null = null;
  #digested: JobsDigester | null = null;

  /** Posts the stage. Runs the command line of `post`, whose output is its number. */
  async post(target: StageTarget): Promise<{ id: number; jobCount: number }> {
    this.#target = target;
    await this.run();
    const { id, jobCount } = this.#posted ?? { id: null, jobCount: 0 };
    if (id === null) throw new Error("a stage was not posted");
    return { id, jobCount };
  }

  /** The digest of the posted jobs. */
  async digest(jobCount: number): Promise<JobsDigest> {
    const sweep = this.#sources?.sweep;
    if (sweep) return await digestOf(sweep);
    if (this.#digested) return this.#digested.digest();
    return { count: jobCount, partJobs: jobCount, parts: [] };
  }

  override newPosting(entryPoint: EntryPoint): NewPosting {
    const posting = super.newPosting(entryPoint);
    const placed = this.#target ? this.#target.place : {};
    return { ...posting, name: posting.name ?? this.defaultName, ...placed };
  }

  override async insert(...work: Parameters<PostCommand["insert"]>): Promise<Posted> {
    const [db, posting, jobs, ...rest] = work;
    if (!this.recorded) return await super.insert(...work);
    const kept = await this.recorded.keep(jobs);
    const posted = await super.insert(db, posting, kept.jobs, ...rest);
    this.recorded.add(posting, kept, posted.id);
    return posted;
  }

  override batchesOf(reading: Reading, note?: NoteCommand): AsyncIterable<JobBatch> {
    this.#digested = new JobsDigester(super.batchesOf(reading, note));
    return this.#digested;
  }

  override async openSources(files: readonly string[]): Promise<JobSources> {
    this.#sources = await super.openSources(files);
    return this.#sources;
  }

  override async withDatabase<T>(work: (db: Db) => Promise<T>): Promise<T> {
    if (!this.#target) throw new Error("a stage has no transaction");
    return await work(this.#target.db);
  }

  override printJson: PostCommand["printJson"] = (_schema, value) => {
    const { id, jobCount }: { id?: unknown; jobCount?: unknown } = value;
    this.#posted = { id: typeof id === "number" ? id : null, jobCount: Number(jobCount) };
  };

  override say(text: string): void {
    this.note(text);
  }

  /** The file says what a stage waits for. */
  override async edgesOf(): Promise<Map<number, EdgeFacts[]>> {
    return new Map();
  }
}

let parser: Cli<CliContext> | null = null;

/** Parses the command lines of all stages. It compiles its grammar for each line: 3 ms a stage. */
const stageCli = (): Cli<CliContext> =>
  (parser ??= Cli.from<CliContext>([StageCommand], { enableColors: false }));

interface StageSetting {
  flow: string;
  /** The numbers of the postings of the stages so far. */
  idOf: (stage: string) => number;
  context: CliContext;
  note: (text: string) => void;
  recorded?: RecordedFlow | undefined;
}

/**
 * The command that posts a stage.
 *
 * @throws {InvalidInput}
 */
export function stageCommand(
  stage: FileStage,
  { flow, idOf, context, note, recorded }: StageSetting,
): StageCommand {
  const words = [
    ...[...stage.options.values()].flat(),
    ...stage.references.map(({ word }) => word(idOf)),
    ...(typeof stage.run === "string" ? [stage.run] : []),
    ...stage.files,
    ...(typeof stage.run === "string" ? [] : stage.run.map((word) => `--command=${word}`)),
  ];
  // A stage without arguments has one job; it must not wait for a person to type some.
  const isTerminal = { ...context.isTerminal, stdin: true, stdout: false };
  const line = ["post", "--json", "--no-check", ...words];
  const command = stageCli().process(line, { ...context, isTerminal });
  if (!(command instanceof StageCommand)) {
    throw new InvalidInput(stage.name, ["expected options of post"]);
  }
  command.defaultName = `${flow}.${stage.name}`;
  command.note = note;
  command.recorded = recorded ?? null;
  return command;
}
