import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import type { Environment } from "../../../src/db/settings/parameters.ts";
import { configuredTarget, type Target } from "../../../src/db/settings/target.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "pdoflow-home-"));
});
afterEach(() => rmSync(home, { recursive: true }));

function write(name: string, text: string, mode = 0o600): string {
  const file = join(home, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

/** The target in an environment with these variables and this home. */
function target(env: Environment, flag?: string): Target {
  const found = configuredTarget(flag, { HOME: home, USER: "ada", ...env });
  if (!found) throw new Error("expected a target");
  return found;
}

test("as in libpq, the text comes first, then the service, the variables and the defaults", () => {
  write(".pg_service.conf", "[prod]\nhost=service\nport=1\ndbname=service\nuser=service\n");
  const env = { PGSERVICE: "prod", PGPORT: "2", PGUSER: "variable", PGAPPNAME: "variable" };
  expect(target(env, "host=text dbname=text")).toMatchObject({
    host: "text",
    database: "text",
    port: 1,
    user: "service",
    applicationName: "variable",
    source: "--database",
  });
  expect(target({ PGSERVICE: "prod" }).source).toBe("the service prod");
  expect(target({}, "service=prod").host).toBe("service");
  expect(target({}, "postgres:///?service=prod").host).toBe("service");
});

test("every variable of libpq that is obeyed counts", () => {
  const env = {
    PGHOST: "a,b",
    PGHOSTADDR: "10.0.0.1,10.0.0.2",
    PGPORT: "1,2",
    PGUSER: "ben",
    PGDATABASE: "queue",
    PGPASSWORD: "pw",
    PGSSLMODE: "require",
    PGTARGETSESSIONATTRS: "primary",
    PGCONNECT_TIMEOUT: "7",
    PGAPPNAME: "mine",
    PGOPTIONS: "-c work_mem=1MB",
  };
  expect(target(env)).toEqual({
    host: "a",
    hostaddr: "10.0.0.1",
    port: 1,
    others: [{ host: "b", hostaddr: "10.0.0.2", port: 2 }],
    user: "ben",
    database: "queue",
    password: "pw",
    tls: "require",
    answerMs: 7_000,
    applicationName: "mine",
    options: "-c work_mem=1MB",
    schema: "pdoflow",
    source: "the PG… variables",
  });
});

describe("name=value", () => {
  test.each<[string, Partial<Target>]>([
    ["host=h user=ben", { host: "h", user: "ben" }],
    ["  host = h   port=\n 7 ", { host: "h", port: 7 }],
    [String.raw`host=h password='it\'s a \\ word'`, { password: String.raw`it's a \ word` }],
    [String.raw`host=h password=a\ b`, { password: "a b" }],
    ["host=h password=''", { password: "" }],
    ["hostaddr=10.0.0.1", { host: "10.0.0.1", hostaddr: "10.0.0.1" }],
    ["host=/run/pg dbname=queue", { host: "/run/pg", database: "queue", tls: false }],
  ])("%s", (text, expected) => expect(target({}, text)).toMatchObject(expected));
});

describe("the service file", () => {
  test("is the named file, else the user's, else the system's", () => {
    const system = dirname(write("etc/pg_service.conf", "[a]\nhost=system\n[b]\nhost=system\n"));
    const env = { PGSYSCONFDIR: system };
    write(".pg_service.conf", "# mine\n\n[a]\nhost = home \n");
    expect(target({ ...env, PGSERVICE: "a" }).host).toBe("home");
    expect(target({ ...env, PGSERVICE: "b" }).host).toBe("system");
    const file = write("named", "[a]\nhost=named\n");
    expect(target({ ...env, PGSERVICE: "a", PGSERVICEFILE: file }).host).toBe("named");
  });

  test("an unknown service and a malformed line are refused", () => {
    write(".pg_service.conf", "[prod]\nhost=h\nprot=1\n[bad]\nhost\n");
    expect(() => target({ PGSERVICE: "prdo" })).toThrow(
      /expected a section \[prdo\].* Did you mean "prod"\?/,
    );
    expect(() => target({ PGSERVICE: "prod" })).toThrow(
      /pg_service.conf:3: .*found prot. Did you mean "port"/,
    );
    expect(() => target({ PGSERVICE: "bad" })).toThrow(/pg_service.conf:5: expected name=value/);
  });
});

describe("the password file", () => {
  test.each([
    ["h:5432:queue:ben:pw", "pw"],
    ["*:*:*:*:all", "all"],
    [String.raw`h:*:*:ben:a\:b\\c:d`, String.raw`a:b\c:d`],
    ["#h:*:*:*:no\nh:*:*:*:yes", "yes"],
    ["h:1:*:*:no\nother:*:*:*:no\nh:*:other:*:no", undefined],
    ["h:5432:queue:ben", undefined],
  ])("%j has %j", (text, password) => {
    write(".pgpass", text);
    expect(target({}, "host=h user=ben dbname=queue").password).toBe(password);
  });

  test("each of several addresses has its own", () => {
    write(".pgpass", "a:*:*:*:one\nb:*:*:*:two\n");
    const found = target({}, "host=a,b,c");
    expect([found.password, ...(found.others ?? []).map((each) => each.password)]).toEqual([
      "one",
      "two",
      undefined,
    ]);
  });

  test("a socket in its usual place is localhost", () => {
    write(".pgpass", "localhost:*:*:*:pw\n");
    expect(target({}, "host=/var/run/postgresql").password).toBe("pw");
    expect(target({}, "host=/srv/pg").password).toBeUndefined();
  });

  test("it is refused if others can read the password, and left alone if it has none", () => {
    const file = write(".pgpass", "h:*:*:*:s3cret\n", 0o604);
    expect(() => target({}, "host=h")).toThrow(
      `${file}: expected a file that only its owner can read, found that others can ` +
        `(mode 0604). Run: chmod 600 ${file}`,
    );
    expect(target({}, "host=other").password).toBeUndefined();
    expect(target({}, "host=h password=given").password).toBe("given");
  });
});

describe("the settings file of a user", () => {
  test("names the server if nothing else does", () => {
    const file = write(".config/pdoflow/db.conf", "# ours\nhost=db.example\nuser=ben\n");
    expect(target({})).toMatchObject({ host: "db.example", user: "ben", source: file });
    expect(target({ PGHOST: "other" }).host).toBe("other");
    const config = dirname(dirname(write("xdg/pdoflow/db.conf", "postgres://x.example/queue\n")));
    expect(target({ XDG_CONFIG_HOME: config })).toMatchObject({
      host: "x.example",
      database: "queue",
    });
  });

  test("it is refused if others can read a password in it", () => {
    const file = write(".config/pdoflow/db.conf", "host=h\npassword=s3cret\n", 0o644);
    expect(() => target({})).toThrow(`mode 0644). Run: chmod 600 ${file}`);
    write(".config/pdoflow/db.conf", "postgres://ben:s3cret@h/", 0o640);
    expect(() => target({})).toThrow("chmod 600");
    write(".config/pdoflow/db.conf", "host=h\n", 0o644);
    expect(target({}).host).toBe("h");
  });

  test("with comments alone it names nothing", () => {
    write(".config/pdoflow/db.conf", "# nothing yet\n");
    expect(configuredTarget(undefined, { HOME: home })).toBeNull();
  });

  test("that of the Python original is read", () => {
    const text = "[other]\nhost=x\n\n[pdoflow]\ndatabase_name = science\nusername = ben\n";
    const file = write(".config/pdoflow/db.conf", `${text}password = s3cret\n`);
    const read = { host: "localhost", port: 5432, database: "science", user: "ben" };
    expect(target({})).toMatchObject({ ...read, password: "s3cret", source: file });
    write(".config/pdoflow/db.conf", `${text}host = db.example\nport = 5433\n`);
    expect(target({})).toMatchObject({ ...read, host: "db.example", port: 5433 });
    write(".config/pdoflow/db.conf", `${text}batchsize = 3\n`);
    expect(() => target({})).toThrow("expected a connection parameter");
  });
});

describe("the variables of the Python original", () => {
  const set = { POSTGRES_HOST: "db.example", POSTGRES_USER: "ben", POSTGRES_PASSWORD: "s3cret" };

  test("are refused with the command that sets ours, which repeats no value", () => {
    expect(() => target(set)).toThrow(
      'export PGHOST="$POSTGRES_HOST" PGPORT=5432 PGDATABASE=postgres PGUSER="$POSTGRES_USER" ' +
        'PGPASSWORD="$POSTGRES_PASSWORD". For',
    );
    expect(() => target(set)).not.toThrow(/s3cret|db\.example/);
    write(".config/pdoflow/db.conf", "[pdoflow]\nusername=ben\n");
    expect(() => target(set)).toThrow("POSTGRES_HOST: expected PGHOST");
  });

  test("are ignored if anything of ours names a server, or if they name none", () => {
    expect(target({ ...set, PGHOST: "ours" })).toMatchObject({ host: "ours", password: undefined });
    expect(target(set, "postgres://ours/").host).toBe("ours");
    write(".config/pdoflow/db.conf", "host=ours\n");
    expect(target(set).host).toBe("ours");
    rmSync(join(home, ".config/pdoflow/db.conf"));
    expect(configuredTarget(undefined, { HOME: home, POSTGRES_DB: "x" })).toBeNull();
  });
});
