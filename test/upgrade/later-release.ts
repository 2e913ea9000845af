// Later releases of PDOFlow: copies of this tree with another version, and another schema, made as
// sql/migrations/README.md describes it. So the tree itself is the release before.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { environment } from "../binary/cli.ts";

const root = join(import.meta.dir, "../..");

export interface Migration {
  name: string;
  sql: string;
  compatibleSince?: number;
  isOptional?: boolean;
}

export interface Changes {
  version: string;
  /** For a file, texts with their replacements. */
  edits: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>>;
  /** After migration 1. */
  migrations: readonly Migration[];
}

export interface LaterRelease extends Disposable {
  folder: string;
  /** Starts its program in `cwd`, and returns while it runs. */
  start(
    db: { url: string },
    cwd: string,
    ...args: string[]
  ): Bun.Subprocess<"ignore", "pipe", "pipe">;
  run(
    db: { url: string },
    cwd: string,
    ...args: string[]
  ): Promise<{ code: number; out: string; err: string }>;
}

export function laterRelease({ version, edits, migrations }: Changes): LaterRelease {
  const folder = mkdtempSync(join(tmpdir(), `pdoflow-${version}-`));
  for (const each of ["src", "sql", "tui", "deploy", "package.json", "tsconfig.json"]) {
    cpSync(join(root, each), join(folder, each), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const edit = (file: string, from: string, to: string) => {
    const text = readFileSync(join(folder, file), "utf8");
    if (!text.includes(from)) throw new Error(`${file} has no ${JSON.stringify(from)}`);
    writeFileSync(
      join(folder, file),
      text.replaceAll(from, () => to),
    );
  };
  edit("package.json", `"version": "`, `"version": "${version}", "was": "`);
  for (const [file, changes] of Object.entries(edits)) {
    for (const [from, to] of changes) edit(file, from, to);
  }
  const first = `{ name: "0001_queue", sql: baseline.join("\\n") }`;
  const list = [first, ...migrations.map((each) => JSON.stringify(each))].join(",\n");
  edit("src/db/admin/migration-list.ts", first, list);
  const start: LaterRelease["start"] = (db, cwd, ...args) =>
    Bun.spawn([process.execPath, join(folder, "src/main.ts"), ...args], {
      cwd,
      env: environment(db.url),
      stdio: ["ignore", "pipe", "pipe"],
    });
  return {
    folder,
    start,
    async run(db, cwd, ...args) {
      const child = start(db, cwd, ...args);
      const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
      return { code: await child.exited, out, err };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The text of one object of the schema, from `begin` to the first `end` after it. */
function objectIn(file: string, begin: string, end: string): string {
  const text = readFileSync(join(root, file), "utf8");
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${file} has no ${begin}`);
  return text.slice(from, to + end.length);
}

const functionIn = (file: string, name: string) =>
  objectIn(file, `create function pdoflow.${name}(`, "\nend $$;\n");

const heartbeat = functionIn("sql/api/pool.sql", "pool_heartbeat");
const claim = functionIn("sql/api/pool_claim.sql", "pool_claim");
/** Its columns are those of posting, so it is made again. */
const flows = objectIn("sql/api/flow.sql", "create view pdoflow.flows ", ";\n");
const renamed = heartbeat.replace("pool_heartbeat(", "pool_beat(");
/** With a column that programs of this release do not know. */
const widened = heartbeat
  .replace("compatible_since integer\n", "compatible_since integer, extra text\n")
  .replace("from pdoflow.migration m)", "from pdoflow.migration m), 'more'::text");

const orReplace = (text: string) => text.replace("create ", "create or replace ");

const columns = `
alter table pdoflow.posting add column remark text;
alter table pdoflow.lease add column remark text;
alter table pdoflow.pool add column remark text;
`;

/**
 * An expanding step: columns in tables that every claim and record uses; a new function instead of
 * one that pools call; that one with another result; and another one replaced, while it is called.
 */
const expand: Migration = {
  name: "0002_expand",
  sql: `${columns}
drop function pdoflow.pool_heartbeat(bigint, jsonb, boolean);
${widened}${renamed}${orReplace(claim)}${orReplace(flows)}`,
};

/** Removes what release 0.2.0 does not use any more. */
const contract: Migration = {
  name: "0003_contract",
  sql: "drop function pdoflow.pool_heartbeat(bigint, jsonb, boolean);",
  compatibleSince: 2,
  isOptional: true,
};

/** The last columns of these tables. */
const lastColumns = {
  posting: "  notified integer,\n",
  lease: "  attempts integer[] not null,\n",
  pool: "  recent integer[],\n",
};
const tableEdits = Object.fromEntries(
  Object.entries(lastColumns).map(([table, line]) => [
    `sql/tables/${table}.sql`,
    [[line, `${line}  remark text,\n`]] as const,
  ]),
);
const usesNewFunction = [[".pool_heartbeat(", ".pool_beat("]] as const;

/** The release after this one: it adds to the schema. */
export const release2 = (): LaterRelease =>
  laterRelease({
    version: "0.2.0",
    edits: {
      ...tableEdits,
      "sql/api/pool.sql": [[heartbeat, widened + renamed]],
      "src/db/engine/pools.ts": usesNewFunction,
    },
    migrations: [expand],
  });

/** The release after that: it removes what 0.2.0 does not need; if `isNeeded`, at any rate. */
export const release3 = ({ isNeeded = false } = {}): LaterRelease =>
  laterRelease({
    version: "0.3.0",
    edits: {
      ...tableEdits,
      "sql/api/pool.sql": [[heartbeat, renamed]],
      "src/db/engine/pools.ts": usesNewFunction,
    },
    migrations: [expand, { ...contract, isOptional: !isNeeded }],
  });
