import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { readProfile } from "../../db/engine/profiles.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { flameGraph, speedscope } from "../output/flame-graph.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { findWholePostings, readSelectors } from "../input/select.ts";

/** No pool has profiled any job of these postings. */
class NothingProfiled extends PdoflowError {
  override readonly name = "NothingProfiled";
  readonly exitCode = exitCodes.notFound;
  constructor(ids: readonly number[]) {
    super(
      `no job of posting ${ids.join(", ")} was profiled. Start the pool with --profile, or with ` +
        "--profile=100% for all jobs, before the jobs run.",
    );
  }
}

export class ProfileCommand extends PdoflowCommand {
  static override paths = [["profile"]];
  static override usage = Command.Usage({
    description: "write a CPU profile of the jobs of postings",
    details: `
      Writes a flame graph as SVG, for any browser, and a file for speedscope. Both cover the jobs
      that \`pool --profile\` profiled, at about one sample per millisecond of JavaScript. Time that
      is spent waiting or in other processes does not appear. Tail calls replace their caller, as in
      the runtime.
    `,
    examples: [
      ["Profile a tenth of the jobs", "$0 pool --once --profile"],
      ["Write profile-42.svg and profile-42.speedscope.json", "$0 profile 42"],
    ],
  });
  postings = Option.Rest({ name: "posting", required: 1 });
  to = Option.String("--to", {
    description: "the folder to write to (default: the current folder)",
  });

  async run() {
    const selectors = await readSelectors(this.postings, this.context.stdin);
    const { ids, profile } = await this.withDatabase(async (db) => {
      const ids = await findWholePostings(db, selectors);
      return { ids, profile: await readProfile(db, ids) };
    });
    if (profile.jobs === 0) throw new NothingProfiled(ids);
    const { jobs, stacks } = profile;
    const samples = Object.values(stacks).reduce((sum, count) => sum + count, 0);
    const found = `${pluralize(samples, "sample")} of ${pluralize(jobs, "job")}`;
    const title = `posting ${ids.join(", ")}: ${found}`;
    const path = (kind: string) =>
      resolve(this.context.cwd, this.to ?? ".", `profile-${ids.join("-")}.${kind}`);
    const files = { svg: path("svg"), speedscope: path("speedscope.json") };
    await Bun.write(files.svg, flameGraph(stacks, title));
    await Bun.write(files.speedscope, JSON.stringify(speedscope(stacks, title)));
    if (this.json) this.printJson(outputSchemas.profile, { postings: ids, jobs, samples, files });
    else {
      this.print(files.svg);
      this.print(files.speedscope);
      this.say(`${title}; open the second file in https://www.speedscope.app`);
    }
    return exitCodes.ok;
  }
}
