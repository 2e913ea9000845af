import { jobCount } from "../../db/each-job.ts";
import type { TestDatabase } from "../../database.ts";
import { type Cli, openCli } from "../cli.ts";

const source = "export const f = (...args: unknown[]) => args.length;\n";

export async function openPosting(db: TestDatabase): Promise<Cli> {
  const cli = await openCli(db);
  await cli.write("f.ts", source);
  return cli;
}

export const count = async ({ sql }: TestDatabase) =>
  (
    await sql`select (select count(*) from pdoflow.posting)::int as postings,
                    ${sql.unsafe(jobCount)} as jobs`
  )[0];
