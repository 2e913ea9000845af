import { describe, expect, test } from "bun:test";

import {
  configuredTarget,
  describeTarget,
  schemaName,
  type Target,
} from "../../../src/db/settings/target.ts";
import { InvalidInput } from "../../../src/domain/errors.ts";

/** The meaning of a URL in an empty environment. */
function read(url: string, env: Record<string, string> = { USER: "ada" }): Target {
  const target = configuredTarget(url, env);
  if (!target) throw new Error("expected a target");
  return target;
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidInput) return error.message;
    throw error;
  }
  throw new Error("expected a refusal, and it was accepted");
}

describe("which server", () => {
  const named = {
    PDOFLOW_DATABASE_URL: "postgres://b.example/",
    DATABASE_URL: "postgres://c.example/",
    PGHOST: "d.example",
  };

  test.each([
    ["--database comes first", "postgres://a.example/", named, "a.example", "--database"],
    ["then PDOFLOW_DATABASE_URL", undefined, named, "b.example", "PDOFLOW_DATABASE_URL"],
    [
      "then DATABASE_URL",
      undefined,
      { ...named, PDOFLOW_DATABASE_URL: "" },
      "c.example",
      "DATABASE_URL",
    ],
    [
      "then the PG… variables",
      undefined,
      { PGHOST: "d.example" },
      "d.example",
      "the PG… variables",
    ],
  ])("%s", (_, flag, env, host, source) => {
    expect(configuredTarget(flag, env)).toMatchObject({ host, source });
  });

  test("without a name there is no server: a password or a user's name alone do not count", () => {
    expect(configuredTarget(undefined, {})).toBeNull();
    expect(configuredTarget(undefined, { PGPASSWORD: "x", USER: "ada", PGHOST: "" })).toBeNull();
  });

  test("an empty flag is refused: an unset variable must not lead to another server", () => {
    for (const flag of ["", " "]) {
      expect(refusal(() => configuredTarget(flag, named))).toStartWith(
        "--database: expected a URL",
      );
    }
  });

  test("each of PGHOST, PGPORT, PGUSER and PGDATABASE names one", () => {
    for (const name of ["PGHOST", "PGUSER", "PGDATABASE"]) {
      expect(configuredTarget(undefined, { [name]: "x" })).not.toBeNull();
    }
    expect(configuredTarget(undefined, { PGPORT: "5433" })).toMatchObject({ port: 5433 });
  });
});

describe("a URL", () => {
  test("says all of it", () => {
    expect(read("postgres://ben:pw@db.example:6000/queue?sslmode=require")).toEqual({
      host: "db.example",
      port: 6000,
      user: "ben",
      password: "pw",
      database: "queue",
      tls: "require",
      schema: "pdoflow",
      source: "--database",
    });
  });

  test("says little, and the rest is as psql has it", () => {
    expect(read("postgresql://")).toMatchObject({
      host: "localhost",
      port: 5432,
      user: "ada",
      database: "ada",
      password: undefined,
      tls: "prefer",
    });
  });

  test.each<[string, Partial<Target>]>([
    [
      "postgres:///queue?host=/run/postgresql",
      { host: "/run/postgresql", database: "queue", tls: false },
    ],
    ["postgres://ben@/queue?host=/run/postgresql", { host: "/run/postgresql", user: "ben" }],
    ["postgres://ben:pw@/queue?host=/tmp&port=7000", { host: "/tmp", port: 7000, password: "pw" }],
    [
      "postgres://h/?user=ben&password=pw&dbname=queue",
      { user: "ben", password: "pw", database: "queue" },
    ],
    ["postgres://h/queue%20of%20ada", { database: "queue of ada" }],
    ["postgres://b%40n:p%3A%2F%40%25%20w@h/", { user: "b@n", password: "p:/@% w" }],
    ["postgres://ben:a+b@h/", { password: "a+b" }],
    ["postgres://h/?user=ben&password=a%2Bb", { password: "a+b" }],
    ["postgres://10.0.0.1/", { host: "10.0.0.1" }],
  ])("%s", (url, expected) => {
    expect(read(url)).toMatchObject(expected);
  });

  test.each<[string, Partial<Target>]>([
    ["postgres://%2Frun%2Fpostgresql/queue", { host: "/run/postgresql", database: "queue" }],
    ["postgres://h:80/", { host: "h", port: 80 }],
    ["postgres://[::1]:5433/", { host: "::1", port: 5433 }],
  ])("%s", (url, expected) => {
    expect(read(url)).toMatchObject(expected);
  });

  test("precedes the PG… variables, which supply the rest", () => {
    const env = { PGHOST: "h", PGPORT: "6000", PGUSER: "u", PGDATABASE: "d", PGPASSWORD: "p" };
    expect(read("postgres://ben@other/", env)).toMatchObject({
      host: "other",
      port: 6000,
      user: "ben",
      database: "d",
      password: "p",
    });
  });

  test("leaves it to PGSSLMODE how to encrypt", () => {
    expect(read("postgres://h/", { PGSSLMODE: "verify-full" }).tls).toBe("verify-full");
    expect(read("postgres://h/?sslmode=disable", { PGSSLMODE: "verify-full" }).tls).toBe(false);
  });

  test.each([
    ["disable", false],
    ["allow", "allow"],
    ["prefer", "prefer"],
    ["require", "require"],
    ["verify-full", "verify-full"],
  ])("sslmode=%s", (mode, tls) => {
    expect(read(`postgres://h/?sslmode=${mode}`).tls).toBe(tls as Target["tls"]);
  });

  test("empty variables count as not set", () => {
    const env = { PGPORT: "", PGHOST: "", PGUSER: "", PGDATABASE: "", PGSSLMODE: "", USER: "ada" };
    expect(read("postgres:///", env)).toMatchObject({ host: "localhost", port: 5432, user: "ada" });
  });
});

describe("several addresses", () => {
  const [a, b] = [
    { host: "a", port: 5432 },
    { host: "b", port: 5432 },
  ];

  test.each<[string, Record<string, string>, Partial<Target>]>([
    ["postgres://a,b/", {}, { ...a, others: [b] }],
    ["postgres://a:1,b:2/", {}, { host: "a", port: 1, others: [{ host: "b", port: 2 }] }],
    ["postgres://a,b:2/", { PGPORT: "9" }, { ...a, others: [{ host: "b", port: 2 }] }],
    ["postgres://a,b/", { PGPORT: "9" }, { port: 9, others: [{ host: "b", port: 9 }] }],
    ["postgres://[::1]:1,b:2/", {}, { host: "::1", port: 1, others: [{ host: "b", port: 2 }] }],
    ["postgres://x,y:p,w@a,b/", {}, { ...a, user: "x,y", password: "p,w", others: [b] }],
    ["postgres:///?host=/s,b&port=1,2", {}, { host: "/s", others: [{ host: "b", port: 2 }] }],
    ["postgres:///", { PGHOST: "a,b", PGPORT: "5432,5432" }, { ...a, others: [b] }],
    ["postgres://a,b/?target_session_attrs=read-write", {}, { ...a, others: [b] }],
  ])("%s with %p", (url, env, expected) => {
    expect(read(url, { USER: "ada", ...env })).toMatchObject(expected);
  });

  test("one address has no others, and all of several are described", () => {
    expect(read("postgres://a/").others).toBeUndefined();
    expect(describeTarget(read("postgres://ben:s3cret@a:1,b:2/queue"))).toBe(
      "database queue at a:1, b:2 as ben (--database)",
    );
  });
});

describe("refusals", () => {
  test.each([
    ["postgres://u:s3cret@a:1,b:x/d", "expected a URL such as postgres://"],
    ["postgres://u:s3cret@a:1,b:0/d", "expected a port from 1 to 65535, found 0"],
    ["postgres://u:s3cret@a,b,c/d?port=1,2", "expected one port, or one for each of 3 hosts"],
    ["postgres://u:s3cret@a,b/d?target_session_attrs=standby", "since a queue is written to"],
    ["mysql://u:s3cret@h/d", "expected a URL such as postgres://"],
    ["u:s3cret@h", "expected a URL such as postgres://"],
    ["postgres://u:s3cret@h:port/d", "expected a URL such as postgres://"],
    ["postgres://u:s3cret@h/d?port=0", "expected a port from 1 to 65535, found 0"],
    ["postgres://u:s3cret@h/d?port=65536", "expected a port from 1 to 65535"],
    ["postgres://u:s3cret@h/d?sslmode=maybe", "expected an sslmode such as require"],
    [
      "postgres://u:s3cret@h/d?sslmode=verify-ca",
      "verify-ca needs the certificate of an authority",
    ],
    ["postgres://u:s3cret@h/d?sslmode=require&sslrootcert=/no", "found no such file"],
    ["postgres://u:s3cret@h/d?sslmode=require&sslrootcert=system", "expected sslmode=verify-full"],
    ["postgres://u:s3cret@h/d?sslcert=/no", "expected a certificate in /no, found no such file"],
    ["postgres://u:s3cret@h/d?ssl_mode=require", 'found ssl_mode. Did you mean "sslmode"?'],
    [
      "postgres://u:s3cret@h/d?channel_binding=require",
      "does not support this value of channel_binding",
    ],
    ["postgres://u:s3cret@h/d?connect_timeout=soon", "in whole seconds, 0 for no limit"],
    ["postgres://u:s3cret@a,b/d?hostaddr=127.0.0.1", "expected one hostaddr for each of 2 hosts"],
    ["host=h password='s3cret", "found something else after host"],
    ["host=h passwort=s3cret", 'found passwort. Did you mean "password"'],
  ])("%s, and no password is printed", (url, expected) => {
    const said = refusal(() => read(url));
    expect(said).toContain("--database: ");
    expect(said).toContain(expected);
    expect(said).not.toContain("s3cret");
  });

  test("a wrong percent code, and no password is printed", () => {
    const said = refusal(() => read("postgres://u:s3cret%zz@h/d"));
    expect(said).toStartWith("--database: expected ");
    expect(said).not.toContain("s3cret");
  });

  test("a value is reported with its source", () => {
    expect(refusal(() => configuredTarget(undefined, { DATABASE_URL: "x" }))).toStartWith(
      "DATABASE_URL: ",
    );
    expect(refusal(() => configuredTarget(undefined, { PGPORT: "x" }))).toStartWith(
      "the PG… variables: ",
    );
  });

  test.each(["Queue", "my-queue", "1st", "a.b", "", "x; drop table job", "a".repeat(42)])(
    "PDOFLOW_SCHEMA=%s",
    (name) => {
      expect(refusal(() => schemaName({ PDOFLOW_SCHEMA: name }))).toContain(
        "expected a schema name",
      );
    },
  );
});

test("the schema is pdoflow, or the value of PDOFLOW_SCHEMA", () => {
  expect(schemaName({})).toBe("pdoflow");
  expect(read("postgres://h/", { PDOFLOW_SCHEMA: "my_queue_2" }).schema).toBe("my_queue_2");
});

test("a target is described without its password", () => {
  const url = "postgres://ben:s3cret@db.example:6000/queue";
  expect(describeTarget(read(url))).toBe("database queue at db.example:6000 as ben (--database)");
  expect(describeTarget(read("postgres://ben:s3cret@/queue?host=/tmp"))).toBe(
    "database queue at socket /tmp as ben (--database)",
  );
});
