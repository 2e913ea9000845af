import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";

import { freshDatabase, type TestDatabase } from "../../database.ts";
import { documentOf } from "../commands/json.ts";
import { type Commands, openCommands } from "../in-process.ts";

let db: TestDatabase;
let cli: Commands;
beforeAll(async () => {
  db = await freshDatabase();
  cli = await openCommands(db);
  await cli.write(
    "work.ts",
    `import { currentJob } from "pdoflow";
    export const main = (x) => x;
    export const none = () => currentJob().schedule;`,
  );
});
afterAll(async () => {
  cli[Symbol.dispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await db.db.sql`truncate pdoflow.schedule, pdoflow.fire`;
});

const add = (...words: string[]) => cli.run("schedule", "add", ...words);
const nightly = (...options: string[]) =>
  add("nightly", "0 2 * * *", ...options, "--", "post", "work.ts#none", "--no-args");

test("a function that does not exist is code 4", async () => {
  const { code } = await add("x", "@daily", "--", "post", "work.ts#nothing", "--no-args");
  expect(code).toBe(4);
  expect(await db.db.sql`select from pdoflow.schedule`).toHaveLength(0);
});

test("schedule list, next and history", async () => {
  await nightly("--zone", "Europe/Berlin", "--jitter", "5m");
  expect((await cli.run("schedule", "list")).out).toMatch(/nightly +0 2 \* \* \* +Europe\/Berlin/);
  const next = await cli.run("schedule", "next", "nightly", "3", "--json");
  const { times }: { times: string[] } = JSON.parse(next.out);
  expect(times).toHaveLength(3);
  for (const time of times) {
    expect(new Date(time).toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" })).toBe(
      "02:00:00",
    );
  }
  const leap = await cli.run("schedule", "next", "0 0 29 2 *", "1", "--json");
  expect(JSON.parse(leap.out)).toMatchObject({ times: ["2028-02-29T00:00:00.000Z"] });
  await cli.run("schedule", "run", "nightly");
  const { out } = await cli.run("schedule", "history", "nightly");
  expect(out).toContain("posted by hand");
});

test("schedule list names the posters if there are several", async () => {
  await nightly();
  expect((await cli.run("schedule", "list")).out).not.toContain("poster");
  await db.db.sql`update pdoflow.schedule set poster = 'ada'`;
  await nightly();
  const { out } = await cli.run("schedule", "list");
  expect(out).toMatch(/^schedule +poster +time/);
  expect(out).toMatch(/^nightly +ada +0 2/m);
});

test("schedule show tells when it fires and what it posts, on one screen", async () => {
  const work = ["--", "post", "work.ts#none", "--no-args", "--start-by", "90m"];
  await add("nightly", "0 2 * * *", "--zone", "Europe/Berlin", "--jitter", "5m", ...work);
  await cli.run("schedule", "run", "nightly");
  const { out } = await cli.run("schedule", "show", "nightly");
  expect(out).toContain("0 2 * * *, every day at 02:00, Europe/Berlin");
  expect(out).toContain("work.ts#none, 1 job, as ");
  expect(out).toContain("up to 5m");
  expect(out).toContain("startBy 90m");
  expect(out).toMatch(/next +20\d\d/);
  expect(out).toMatch(/posted by hand +\d+/);
  expect(out.split("\n").length).toBeLessThan(24);
  const shown = JSON.parse((await cli.run("schedule", "show", "nightly", "--json")).out);
  expect(shown).toMatchObject({
    name: "nightly",
    jitterMs: 300_000,
    jobCount: 1,
    options: { startBy: 5_400_000 },
  });
  expect(shown).toMatchObject({ next: [{}, {}, {}].map(() => expect.stringMatching(/Z$/)) });
});

test("schedules of commands show the command, and needs as post takes them", async () => {
  const command = ["--no-check", "--", "sync", "-a", "{}"];
  await add("c", "@daily", "--", "post", "--needs", "gpu=1,mem>=8G", "--each", "a", ...command);
  await add("d", "@daily", "--", "post", "--no-args", ...command);
  const show = async (name: string) => (await cli.run("schedule", "show", name)).out;
  expect(await show("c")).toContain("  posts     sync -a {}, 1 job, as ");
  expect(await show("c")).toMatch(/ {2}options {3}needs gpu=1,mem>=8G, (?!.*command)/);
  expect(await show("d")).not.toContain("needs");
  expect((await cli.run("schedule", "list")).out).toMatch(/^c .* sync -a \{\}$/m);
});

test("the next times of an interval count from the moment it was added", async () => {
  await add("m", "every 90m", "--", "post", "work.ts#main", "--each", "1-3");
  await db.db.sql`update pdoflow.schedule set created_at = created_at - interval '1 h'`;
  const { out } = await cli.run("schedule", "next", "m", "1", "--json");
  const [next = ""]: string[] = JSON.parse(out).times;
  expect(Date.parse(next) - Date.now()).toBeWithin(29 * 60_000, 31 * 60_000);
});

test("schedule run prints the posting, and exits with 1 if there is none", async () => {
  await add("q", "@daily", "--overlap", "skip", "--", "post", "work.ts#none", "--no-args");
  const first = await cli.run("schedule", "run", "q");
  expect(first.out).toMatch(/^\d+\n$/);
  expect((await cli.run("schedule", "run", "q")).code).toBe(0);
  await db.db.sql`update pdoflow.schedule set jobs = '1'`;
  const third = await cli.run("schedule", "run", "q");
  expect(third.code).toBe(1);
  expect(third.err).toContain("nothing was posted: ");
});

test("schedule pause, resume and delete", async () => {
  await nightly();
  expect((await cli.run("schedule", "pause", "nightly")).err).toContain("was paused");
  expect((await cli.run("schedule", "pause", "nightly")).err).toContain("not changed");
  expect((await cli.run("schedule", "list")).out).toContain("paused");
  expect((await cli.run("schedule", "resume", "nightly")).err).toContain("was resumed");
  expect((await cli.run("schedule", "delete", "nightly")).code).toBe(0);
  expect(await db.db.sql`select from pdoflow.schedule`).toHaveLength(0);
});

test("schedule backfill posts for past times", async () => {
  await nightly();
  const { out, err } = await cli.run(
    ...["schedule", "backfill", "nightly", "--from", "2026-01-01T00:00:00Z"],
    ...["--to", "2026-01-03T23:00:00Z", "--json"],
  );
  expect(err).toBe("");
  expect(JSON.parse(out)).toMatchObject({
    times: [1, 2, 3].map((day) => ({ nominalAt: `2026-01-0${day}T02:00:00.000Z` })),
  });
  const wrong = await cli.run(
    ...["schedule", "backfill", "nightly", "--from", "2026-01-02", "--to", "2026-01-01"],
  );
  expect(wrong).toMatchObject({ code: 2, out: "" });
  expect(wrong.err).toContain("expected a first moment before the last one");
});

describe("schedule add … -- flow post", () => {
  const night = `name = "night"
[set]
n = "1-2"
[stage.reduce]
run = "work.ts#main"
each = ["x={n}"]
max-attempts = 2
[stage.over]
run = "work.ts#main"
over = "reduce"
[stage.sum]
run = "work.ts#none"
gather = "over"
after-any = "reduce"
`;

  test("stores the flow, posts nothing, and fires it as flow post does", async () => {
    const file = "night.toml";
    await cli.write(file, night);
    const before = await db.db.sql`select from pdoflow.flow`;
    const words = ["@daily", "--", "flow", "post", file, "--set", "n=1-3"];
    const { code, out, err } = await add("n", ...words);
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(err).toContain("schedule n fires next at 20");
    expect(await db.db.sql`select from pdoflow.flow`).toHaveLength(before.length);
    expect((await cli.run("schedule", "show", "n")).out).toContain("flow night, 3 stages");
    const flow = (await cli.run("schedule", "run", "n")).out.trim();
    const posted = (await cli.run("flow", "post", file, "--set", "n=1-3")).out.trim();
    const stagesOf = async (flow: string) =>
      await db.db.sql`
        select p.stage, p.name, p.entry_point, p.job_count, p.max_attempts,
               array_agg(e.kind || ' ' || u.stage order by u.stage) as edges
        from pdoflow.posting p left join pdoflow.edge e on e.posting_id = p.id
          left join pdoflow.posting u on u.id = e.upstream_id
        where p.flow_id = ${flow}::bigint group by p.id order by p.id`;
    expect([...(await stagesOf(flow))]).toEqual([...(await stagesOf(posted))]);
    const byHand = documentOf("flow show", (await cli.run("flow", "show", posted, "--json")).out);
    expect(byHand).toMatchObject({ schedule: null, scheduledAt: null });
    const bySchedule = documentOf("flow show", (await cli.run("flow", "show", flow, "--json")).out);
    const nominalAt = expect.stringMatching(/^20.*Z$/);
    expect(bySchedule).toMatchObject({ schedule: "n", scheduledAt: nominalAt });
    expect((await cli.run("flow", "show", flow)).err).toMatch(/^posted by the schedule n for 20/);
    expect((await cli.run("flow", "show", posted)).err).toBe("");
    const resumed = await cli.run("flow", "resume", flow, file, "--set", "n=1-3", "--dry-run");
    expect(resumed.out.match(/and unchanged/g)).toHaveLength(3);
  });

  test.each([
    ['after = "41"', "expected stages that wait for stages of the flow, found posting 41"],
    ['run-at = "+1h"', "option runAt: the stage reduce of a schedule cannot have it"],
  ])("%s is refused", async (line, why) => {
    await db.db.sql`select pdoflow.post('work.ts#main', '[[1]]') from generate_series(1, 41)`;
    const file = "wrong.toml";
    await cli.write(file, night.replace("max-attempts = 2", line));
    const { code, err } = await add("n", "@daily", "--", "flow", "post", file, "--set", "n=1-3");
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(why) });
    expect(await db.db.sql`select from pdoflow.schedule`).toHaveLength(0);
  });
});

describe("explain", () => {
  const explained = async (name = "nightly") => (await cli.run("explain", name)).out;

  test("why a schedule does not fire: no pool, paused, until has passed, its poster", async () => {
    await nightly();
    const noPool = "but does not fire: no pool runs that fires schedules of pdoflow; start one";
    expect(await explained()).toContain(noPool);
    await db.db.sql`
      insert into pdoflow.pool (host, pid, version, os_user, slots) values ('h', 1, '1', 'u', 1)`;
    expect(await explained()).toMatch(/^schedule nightly fires next at 20\d\d-\d\d-\d\d /);
    await db.db.sql`update pdoflow.schedule set poster = 'gone'`;
    expect(await explained()).toContain("the role gone may not post any more");
    await db.db.sql`update pdoflow.schedule set fires_at = null, nominal_at = null, until = now()`;
    expect(await explained()).toMatch(/has no more times before its end, 20.*\(--until\)/);
    await db.db.sql`update pdoflow.schedule set is_paused = true`;
    expect(await explained()).toContain("is paused; go on with: pdoflow schedule resume nightly");
    await db.db.sql`delete from pdoflow.pool`;
  });

  test("why its last time posted nothing", async () => {
    await nightly();
    for (const seconds of [2, 1]) {
      if (seconds === 1) expect(await explained()).toMatch(/Its last time, 20.*, posted \d+\.\n$/);
      await db.db.sql`
        update pdoflow.schedule
        set nominal_at = now() - ${seconds} * interval '1 s', fires_at = now()`;
      await db.db.sql`select pdoflow.fire_due()`;
    }
    expect(await explained()).toMatch(
      /was skipped: posting (\d+) has not ended; see: pdoflow explain \1\.\n$/,
    );
    const { code, out } = await cli.run("explain", "nightly", "--json");
    expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, posting: null, status: "open" });
    expect((await cli.run("explain", "nothing")).code).toBe(4);
  });
});

test("status shows schedules with their next, last and missed times", async () => {
  await nightly();
  const run = (await cli.run("schedule", "run", "nightly")).out.trim();
  await db.db.sql`
    insert into pdoflow.fire (schedule_id, nominal_at, outcome)
    select id, now() - n * interval '1 d', 'missed' from pdoflow.schedule, unnest(array[1, 2, 9]) n`;
  const { out } = await cli.run("status");
  expect(out).toMatch(new RegExp(`nightly +0 2 .* posted +${run} +2$`, "m"));
  const whole = JSON.parse((await cli.run("status", "--json")).out);
  expect(whole).toMatchObject({
    schedules: [{ name: "nightly", missed: 2, postingId: Number(run) }],
  });
  await db.db.sql`
    update pdoflow.fire
    set times = 8, last_at = nominal_at + interval '70 s', reason = 'no more than the last 100'
    where nominal_at = (select min(nominal_at) from pdoflow.fire where nominal_at > now() - interval '7 d')`;
  expect((await cli.run("status")).out).toMatch(new RegExp(`posted +${run} +9$`, "m"));
  expect((await cli.run("schedule", "history", "nightly")).out).toMatch(
    /8 times missed, from 20\S+ \S+ to 20\S+ \S+: no more than the last 100/,
  );
  const { err } = await cli.run("status", run);
  expect(err).toContain(`posting ${run}: posted by the schedule nightly for 20`);
});

describe("schedule add … -- prune", () => {
  const housekeeping = (...options: string[]) =>
    add("housekeeping", "@daily", "--", "prune", "--older-than", "1ms", ...options);
  const makeDue = () => db.db.sql`
    update pdoflow.schedule set nominal_at = now() - interval '1 s', fires_at = now()`;

  test("a pool of the owner prunes, and the time says what", async () => {
    await db.db.sql`select pdoflow.cancel(pdoflow.post('work.ts#main', '[[1], [2]]'))`;
    expect((await housekeeping("--state", "cancelled")).err).toContain("fires next at");
    expect((await cli.run("schedule", "list")).out).toContain("prune --older-than 1ms");
    expect((await cli.run("schedule", "show", "housekeeping")).out).toContain("runs      prune");
    await makeDue();
    expect((await cli.run("pool", "--once", "--max-workers", "1")).code).toBe(0);
    const [fire] = await db.db.sql`select outcome, reason from pdoflow.fires`;
    expect(fire).toEqual({
      outcome: "pruned",
      reason: expect.stringMatching(/^[1-9]\d* postings, [2-9]\d* jobs, \d+ MiB$/),
    });
    expect(await db.db.sql`select from pdoflow.posting where state = 'cancelled'`).toHaveLength(0);
    expect(await db.db.sql`select from pdoflow.schedule where fires_at > now()`).toHaveLength(1);
  });

  test("a prune that its pool did not end is noted, and the next one continues", async () => {
    await housekeeping();
    await makeDue();
    await db.db.sql`select * from pdoflow.pool_prune_due()`;
    expect((await cli.run("schedule", "history", "housekeeping")).out).toContain("started");
    await makeDue();
    await cli.run("pool", "--once", "--max-workers", "1");
    const { out } = await cli.run("schedule", "history", "housekeeping");
    expect(out).toMatch(/pruned[^]*refused .*its pool stopped before the prune ended/);
  });

  test.each([
    [["add", "h", "@daily", "--", "prune"], 2, "expected --older-than"],
    [["run", "housekeeping"], 2, "To prune now: pdoflow prune"],
    [["backfill", "housekeeping", "--from", "2026-01-01", "--to", "2026-01-02"], 2, "prunes"],
  ])("schedule %j is code %d", async (words, code, why) => {
    await housekeeping();
    const ran = await cli.run("schedule", ...words);
    expect(ran).toMatchObject({ code, err: expect.stringContaining(why) });
  });
});

test.each(["show", "next", "history", "run", "pause", "resume", "delete"])(
  "schedule %s of a name that does not exist is code 4",
  async (verb) => {
    const { code, err } = await cli.run("schedule", verb, "nothing");
    expect(code).toBe(4);
    expect(err).toContain('there is no schedule "nothing"');
  },
);

test("P16: a pool fires a schedule that is due, and its job knows the time", async () => {
  await nightly();
  await db.db.sql`
    update pdoflow.schedule set nominal_at = now() - interval '1 s', fires_at = now()`;
  const { code } = await cli.run("pool", "--once", "--max-workers", "1");
  expect(code).toBe(0);
  expect(
    await db.db.sql`select p.name, p.done from pdoflow.posting p join pdoflow.schedule s
                    on s.posting_id = p.id`,
  ).toMatchObject([{ name: "nightly", done: 1 }]);
  const [job] = await db.db.sql<{ result: unknown; nominalAt: Date }[]>`
    select j.result, f.nominal_at from pdoflow.fire f join pdoflow.jobs j using (posting_id)`;
  const result = JSON.stringify(job?.result);
  expect(result).toContain(job?.nominalAt.toISOString() ?? "none");
  expect(result).toContain('"nightly"');
});
