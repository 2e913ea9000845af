import type { Case } from "../case.ts";
import type { Db } from "../../src/db/connection/connect.ts";
import { insertPosting } from "../../src/db/posting/insert.ts";
import { clock, ratios } from "../measure.ts";
import { perSecond } from "../peers.ts";

export const smallPostings: Case = {
  name: "small-postings",
  what: "drains postings of one job each",
  target: "at least graphile-worker's drain",
  async run(bench) {
    const { server, peers } = bench;
    const jobs = bench.jobs(50_000, 5_000);
    const rounds = bench.rounds(5, 3);
    const ours = await peers.get("pdoflow");
    const theirs = await peers.get("graphile");
    const rates: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round++) {
      for (const [place, contender] of [ours, theirs].entries()) {
        await contender.reset();
        const emptyMs = await contender.emptyMs();
        await (place === 0 ? postOneByOne(ours.database.db, jobs) : theirs.post(jobs));
        await server.settle(contender.database);
        const ms = await clock(() => contender.drain());
        await contender.verify(jobs);
        rates[place]?.push(perSecond(jobs, ms - emptyMs));
      }
      bench.say(`small-postings: round ${round} of ${rounds}`);
    }
    return {
      sizes: { postings: jobs, rounds },
      tuned: await peers.settings(),
      series: [
        { name: "pdoflow, one job a posting", unit: "jobs/s", values: rates[0] },
        { name: "graphile-worker", unit: "jobs/s", values: rates[1] },
      ],
      checks: [
        {
          ...{ name: "against graphile-worker", unit: "x", bound: { atLeast: 1 } },
          values: ratios(...rates),
        },
      ],
      notes: ["posting them is not measured: pdoflow's are written by SQL, in bulk"],
    };
  },
};

/** As if each had been posted alone; one posting of the library makes their route and is copied. */
async function postOneByOne(db: Db, count: number): Promise<void> {
  const posting = { entryPoint: "jobs.ts#noop", priority: 0, osUser: "bench" };
  const args = ['[0,0,"file-0.txt"]'];
  const { id } = await insertPosting(db, posting, [{ args }], "the bench");
  await db.sql`select pdoflow.open_span(${count})`;
  const more = count - 1;
  await db.sql.begin(async (sql) => {
    // In the newest span, whose ids the sequence gives out (X1).
    await sql`
      insert into pdoflow.posting (id, entry_point, job_count, route_id)
      select nextval('pdoflow.posting_id_seq'), entry_point, 1, route_id
      from pdoflow.posting, generate_series(1, ${more}) where id = ${id}`;
    await sql`
      insert into pdoflow.lane (posting_id, priority, first_seq, end_seq, route_id)
      select id, 0, 0, 1, route_id from pdoflow.posting where id > ${id}`;
    await sql`
      insert into pdoflow.job (posting_id, first_seq, end_seq, args)
      select id, 0, 1, jsonb_build_array(id, id / 2.0, 'file-' || id || '.txt')
      from pdoflow.posting where id > ${id}`;
  });
}
