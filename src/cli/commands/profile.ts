import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { readProfile } from "../../db/engine/profiles.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes, PdoflowError } from "../../domain/errors.ts";
import { flameGraph, speedscope } from "../output/flame-graph.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { findWholePostings, readSelectors } from "../input/select.ts";

/** No pool has sampled any job of these postings. */
class NothingSampled extends PdoflowError {
  override readonly name = "NothingSampled";
  readonly exitCode = exitCodes.notFound;
  constructor(ids: readonly number[]) {
    super(
      `no job of posting ${ids.join(", ")} was sampled. Pools sample where they are told to, ` +
        "before the jobs run: pdoflow pool --profile, or --profile=100% for all",
    );
  }
}

export class ProfileCommand extends PdoflowCommand {
  static override paths = [["profile"]];
  static override usage = Command.Usage({
    description: "write where the jobs of postings have spent their time",
    details: `
      Of the jobs that pools with \`pool --profile\` have run: a flame graph as SVG, which any
      browser shows, and a file for speedscope. About a sample a millisecond of what runs in
      JavaScript; what a job waits for is not in it, nor what other processes do for it. A function
      whose call is the last thing that its caller does stands in its place, as the runtime has it.
    `,
    examples: [
      ["Sample a tenth of the jobs", "$0 pool --once --profile"],
      ["Write profile-42.svg and profile-42.speedscope.json", "$0 profile 42"],
    ],
  });
  postings = Option.Rest({ name: "posting", required: 1 });
  to = Option.String("--to", { description: "the folder to write to; by default the current one" });

  async run() {
    const selectors = await readSelectors(this.postings, this.context.stdin);
    const { ids, profile } = await this.withDatabase(async (db) => {
      const ids = await findWholePostings(db, selectors);
      return { ids, profile: await readProfile(db, ids) };
    });
    if (profile.jobs === 0) throw new NothingSampled(ids);
    const { jobs, stacks } = profile;
    const samples = Object.values(stacks).reduce((sum, count) => sum + count, 0);
    const found = `${pluralize(samples, "sample")} of ${pluralize(jobs, "job")}`;
    const title = `posting ${ids.join(", ")}: ${found}`;
    const path = (kind: string) =>
      resolve(this.context.cwd, this.to ?? ".", `profile-${ids.join("-")}.${kind}`);
    const files = { svg: path("svg"), speedscope: path("speedscope.json") };
    await Bun.write(files.svg, flameGraph(stacks, title));
    await Bun.write(files.speedscope, JSON.stringify(speedscope(stacks, title)));
    if (this.json) this.printJson(documents.profile, { postings: ids, jobs, samples, files });
    else {
      this.print(files.svg);
      this.print(files.speedscope);
      this.say(`${title}; the second file is for https://www.speedscope.app`);
    }
    return exitCodes.ok;
  }
}
