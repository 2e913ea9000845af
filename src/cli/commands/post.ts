import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { insertLevels } from "../../db/posting/insert-levels.ts";
import { insertPosting, type NewPosting, type Posted } from "../../db/posting/insert.ts";
import type { Db } from "../../db/connection/connect.ts";
import { readEdges } from "../../db/read/edges.ts";
import { readPostingCounts } from "../../db/read/status.ts";
import type { Signer } from "../../db/posting/signatures.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { waitsFor } from "../output/schema-parts.ts";
import { commandNeed } from "../../domain/capabilities.ts";
import { blockedText, causeText, type EdgeFacts, waitText } from "../../domain/edge-text.ts";
import { type EntryPoint, formatEntryPoint } from "../../domain/entry-point.ts";
import type { Selector } from "../../domain/selector.ts";
import { expandedFrom, overPosting } from "../../domain/sweep.ts";
import { type ExitCode, exitCodes, InvalidInput, PostingLost } from "../../domain/errors.ts";
import { codeDigest } from "../../pool/entry/code-digest.ts";
import { readSigningKey } from "../../pool/trust/keys.ts";
import { pluralize } from "../output/pluralize.ts";
import { CountedJobs } from "../input/counted-jobs.ts";
import { edgeFlags, findEdges, type NamedEdge, parseEdges } from "../input/edge-flags.ts";
import { type KeyDifferences, keyDifferences } from "../input/key-differences.ts";
import {
  findGathering,
  findExpanded,
  findOver,
  GatheringCommand,
  type GatherRequest,
  type OverRequest,
} from "../input/gather-flags.ts";
import { Reading } from "../input/reading-progress.ts";

export class PostCommand extends GatheringCommand {
  static override paths = [["post"]];
  static override usage = Command.Usage({
    description: "post a batch of jobs",
    details: `
      Posts one job for each list or object of arguments, all or none, and prints the posting's
      number. An object is passed as the only argument.

      A file is a JSON array (\`[[1, "a.txt"], [2, "b.txt"]]\`), NDJSON (a list or an object per
      line), or CSV or TSV with a header, whose rows become objects. With --each-line, each line is
      the only argument of a job. \`-\`, or no file name and a pipe, reads standard input. See
      docs/posting.md.

      If you press Ctrl-C before the number is printed, nothing is posted.
    `,
    examples: [
      ["Post the calls in a file", "$0 post fit.ts#fit args.json"],
      [
        "Post a job for each file",
        "$0 post reduce.ts#reduce --from-glob 'data/*.fits' --kw degree=2",
      ],
      [
        "Post a job for each line of a pipe, with a higher priority",
        "ls | $0 post f.ts#f --each-line --priority 5",
      ],
      ["Queue commands for pools with --commands", "$0 post gzip {} ::: *.txt"],
      ["Post all combinations", "$0 post sim.ts#run --each 1-1000 --each model=a,b"],
      ["Show the calls without posting", "$0 post fit.ts#fit runs.csv --dry-run"],
      ["Post one job without arguments", "$0 post report.ts#main --no-args"],
      ["Post at most once", "$0 post fit.ts#fit args.json --key night-2026-11-25"],
      [
        "Post jobs that run after all jobs of posting 41",
        "$0 post sum.ts#sum --no-args --after 41",
      ],
    ],
  });
  declare readonly after: string[];
  declare readonly afterAny: string[];
  declare readonly afterFailed: string[];
  declare readonly afterStart: string[];
  declare readonly afterEach: string[];

  constructor() {
    super("post");
    Object.assign(this, edgeFlags());
  }

  operands = Option.Rest({ name: "file.ts#name or command" });
  signWith = Option.String("--sign", {
    description: "sign the posting with this private key, for pools with --trust",
  });
  pin = Option.Boolean("--pin", false, {
    description: "with --sign, allow only the current version of the code (docs/signing.md)",
  });
  wait = Option.Boolean("--wait", false, {
    description: "wait until all jobs have ended; exit with 1 if a job failed",
  });

  async run(): Promise<ExitCode> {
    const { entryPoint, files } = this.parseWork();
    const unsigned = this.#newPosting(entryPoint);
    const named = parseEdges(this);
    if (this.check === true && this.wait) {
      throw new InvalidInput("options", ["expected --wait or --check, found both"]);
    }
    if (this.pin && this.signWith === undefined) {
      throw new InvalidInput("--pin", ["expected --sign KEYFILE together with --pin"]);
    }
    if (this.pin && this.isCommand) {
      throw new InvalidInput("--pin", ["expected an entry point, found a command"]);
    }
    const expanded = this.expandRequest(files);
    if (expanded)
      return await this.#postExpanded(entryPoint, unsigned, { selector: expanded, named });
    const gather = this.gatherRequest(files);
    if (gather) return await this.#postGathering(entryPoint, unsigned, { ...gather, named });
    const over = this.overRequest(files);
    if (over) return await this.#postOver(entryPoint, unsigned, { ...over, named });
    const sources = await this.openSources(files);
    await this.checkEntry(entryPoint, this.sourcesToName(sources));
    if (this.check === true || this.dryRun) return await this.showJobs(sources, entryPoint);
    const posting = { ...unsigned, signer: await this.#signer(entryPoint) };
    const reading = new Reading(this, "posting", sources, this.progress);
    const { signer } = posting;
    const sweep = signer === null || sources.sweep?.isNormal === true ? sources.sweep : null;
    const batches = this.batchesOf(reading);
    // Counted only where the key may be known: that takes some microseconds a job.
    const counted = posting.key === undefined ? null : new CountedJobs(batches, sweep);
    let posted;
    try {
      posted = await this.withDatabase(async (db) => {
        const project = this.projectOf(entryPoint, db.target);
        const whole = { ...posting, project, after: await findEdges(db, named) };
        const done = await this.insert(db, whole, sweep ?? counted ?? batches, sources.name);
        const known =
          done.isNew || !counted ? null : await keyDifferences(db, done.id, whole, counted);
        const edges = named.length === 0 ? [] : (await this.edgesOf(db, [done.id])).get(done.id);
        return { ...done, known, edges: edges ?? [] };
      });
    } finally {
      await counted?.close();
      reading.end();
    }
    this.#report(entryPoint, posted);
    return this.wait ? await this.#wait(posted) : exitCodes.ok;
  }

  /** Posts jobs; overridden by commands that keep them for later. */
  async insert(...work: Parameters<typeof insertPosting>): Promise<Posted> {
    return await insertPosting(...work);
  }

  /** Posts a job for each element of the list that the job of another posting returns. */
  async #postExpanded(
    entryPoint: EntryPoint,
    unsigned: NewPosting,
    { selector, named }: { selector: Selector; named: readonly NamedEdge[] },
  ): Promise<ExitCode> {
    if (this.signWith !== undefined || this.check === true || this.dryRun) {
      throw new InvalidInput("--expand", [
        "expected no --sign, --check or --dry-run: the jobs are not known yet",
      ]);
    }
    await this.checkEntry(entryPoint, null);
    const done = await this.withDatabase(async (db) => {
      const jobs = expandedFrom(await findExpanded(db, selector));
      const project = this.projectOf(entryPoint, db.target);
      const posting = { ...unsigned, project, after: await findEdges(db, named) };
      const posted = await this.insert(db, posting, jobs, "--expand");
      const edges = (await this.edgesOf(db, [posted.id])).get(posted.id);
      return { ...posted, edges: edges ?? [] };
    });
    const known = done.isNew ? null : { isCancelled: false, differences: [] };
    this.#report(entryPoint, { ...done, known });
    return this.wait ? await this.#wait(done) : exitCodes.ok;
  }

  /** Posts jobs that read the results of another posting: one, or some levels of them. */
  async #postGathering(
    entryPoint: EntryPoint,
    unsigned: NewPosting,
    { named, ...request }: GatherRequest & { named: readonly NamedEdge[] },
  ): Promise<ExitCode> {
    if (this.signWith !== undefined) {
      throw new InvalidInput("--sign", ["expected no --gather: results are not signed"]);
    }
    const withArgs = "--with with a JSON list of arguments, as in --with '[1, \"a\"]'";
    await this.checkEntry(entryPoint, request.hasArgs ? null : withArgs);
    const levels = await this.withDatabase(async (db) => {
      const gathering = await findGathering(db, request);
      if (this.check === true || this.dryRun) return gathering;
      const project = this.projectOf(entryPoint, db.target);
      const posting = { ...unsigned, project, after: await findEdges(db, named) };
      const posted = await insertLevels(db, posting, gathering, (...work) => this.insert(...work));
      const ids = posted.map(({ id }) => id);
      const edges = await this.edgesOf(db, ids);
      return posted.map((level) => ({ ...level, edges: edges.get(level.id) ?? [] }));
    });
    if (!Array.isArray(levels)) return await this.showLevels(entryPoint, levels);
    const last = levels.at(-1);
    if (!last) throw new Error("expected at least one level");
    for (const [level, { id, jobCount }] of levels.slice(0, -1).entries()) {
      this.say(`level ${level + 1}: posting ${id}, ${pluralize(jobCount, "job")}`);
    }
    const known = last.isNew ? null : { isCancelled: false, differences: [] };
    this.#report(entryPoint, { ...last, known });
    return this.wait ? await this.#wait(last) : exitCodes.ok;
  }

  /** Posts a job for each job of another posting, with its result. */
  async #postOver(
    entryPoint: EntryPoint,
    unsigned: NewPosting,
    { named, ...request }: OverRequest & { named: readonly NamedEdge[] },
  ): Promise<ExitCode> {
    if (this.signWith !== undefined) {
      throw new InvalidInput("--sign", ["expected no --over: results are not signed"]);
    }
    await this.checkEntry(entryPoint, null);
    const done = await this.withDatabase(async (db) => {
      const jobs = await findOver(db, request);
      if (this.check === true || this.dryRun) return jobs;
      const project = this.projectOf(entryPoint, db.target);
      const posting = { ...unsigned, project, after: await findEdges(db, named) };
      const sweep = overPosting(jobs.upstream, jobs.jobCount, jobs.args);
      const posted = await this.insert(db, posting, sweep, "--over");
      const edges = (await this.edgesOf(db, [posted.id])).get(posted.id);
      return { ...posted, edges: edges ?? [] };
    });
    if (!("isNew" in done)) return await this.showOver(entryPoint, done);
    const known = done.isNew ? null : { isCancelled: false, differences: [] };
    this.#report(entryPoint, { ...done, known });
    return this.wait ? await this.#wait(done) : exitCodes.ok;
  }

  /** Pools that run commands are rare, and others need not claim them to find that out. */
  #newPosting(entryPoint: EntryPoint): NewPosting {
    const posting = this.newPosting(entryPoint);
    if (!this.isCommand) return posting;
    return { ...posting, needs: [...(posting.needs ?? []), commandNeed] };
  }

  async #signer(entryPoint: EntryPoint): Promise<Signer | null> {
    if (this.signWith === undefined) return null;
    const { cwd } = this.context;
    const key = readSigningKey(resolve(cwd, this.signWith));
    const root = resolve(cwd, this.root ?? ".");
    return { ...key, code: this.pin ? await codeDigest(root, entryPoint) : null };
  }

  #report(
    work: EntryPoint,
    posted: Posted & { known: KeyDifferences | null; edges: readonly EdgeFacts[] },
  ): void {
    const { id, jobCount, isNew, known, edges } = posted;
    const entryPoint = formatEntryPoint(work);
    const name = this.name ?? null;
    if (!this.json) this.print(String(id));
    else {
      this.printJson(outputSchemas.post, {
        ...{ entryPoint, name, id, jobCount, isNew, calls: [] },
        ...{ waitsFor: waitsFor(edges), isBlocked: this.#isBlocked(edges) },
      });
    }
    if (known) {
      const { isCancelled, differences } = known;
      this.say(
        `pdoflow post: posting ${id} has the key "${this.key ?? ""}": nothing was posted` +
          (differences.length === 0
            ? ""
            : `. What you gave now differs: ${differences.join(", ")}`) +
          (isCancelled ? `. Posting ${id} is cancelled: to post these jobs, use another key` : ""),
      );
    } else if (this.context.isTerminal.stdout && !this.wait) {
      this.say(
        `posted ${pluralize(jobCount, "job")} for ${this.commandText ?? entryPoint} ` +
          `as posting ${id}\n` +
          `status: pdoflow status ${id}\n` +
          `run:    pdoflow pool${this.isCommand ? " --commands" : ""} --once\n` +
          `wait:   pdoflow wait ${id}`,
      );
    }
    if (!known) this.sayWaits(id, edges);
  }

  /** The edges of new postings, to be reported. */
  edgesOf(db: Db, ids: readonly number[]): Promise<Map<number, EdgeFacts[]>> {
    return readEdges(db, ids);
  }

  /** Reports what the new posting waits for. */
  sayWaits(id: number, edges: readonly EdgeFacts[]): void {
    if (this.#isBlocked(edges)) this.say(`posting ${id} ${blockedText(id, edges)}`);
    else if (edges.some(({ state }) => state === "waiting" || state === "blocked")) {
      this.say(`posting ${id} waits for ${waitText(edges)}`);
    }
  }

  #isBlocked(edges: readonly EdgeFacts[]): boolean {
    return causeText(edges) !== null && (this.ifBlocked ?? "hold") === "hold";
  }

  /** Runs `pdoflow wait` in this process. */
  async #wait({ id, isNew, token }: Posted): Promise<ExitCode> {
    const flags = [
      ...(this.json ? ["--json"] : []),
      ...(this.database === undefined ? [] : [`--database=${this.database}`]),
    ];
    const code = await this.context.runCommand(["wait", String(id), ...flags]);
    if (code === exitCodes.ok) {
      const [now] = await this.withDatabase((db) => readPostingCounts(db, [id]));
      if (now && now.token !== token) throw new PostingLost(id, "another one");
      // The posting of the key was cancelled before: its jobs are not done.
      if (!isNew && now?.state === "cancelled") return exitCodes.jobsFailed;
    }
    return Object.values(exitCodes).find((each) => each === code) ?? exitCodes.bug;
  }
}
