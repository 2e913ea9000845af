import { expect, test } from "bun:test";

import { Gate, newSecret } from "../../../src/cli/web/gate.ts";

const token = newSecret();
const gate = new Gate(token);

const ask = (target: string, headers: Record<string, string> = {}, of = gate) => {
  const [path = "", query = ""] = target.split("?");
  const all = new Map(Object.entries({ host: "localhost:9480", ...headers }));
  return of.refuse({ path, query: new URLSearchParams(query), headers: all });
};

/** The cookie that the URL with the token sets. */
const cookieOf = (of: Gate, secret: string) => {
  const set = ask(`/?token=${secret}`, {}, of)?.headers?.["Set-Cookie"] ?? "";
  expect(set).toEndWith("; HttpOnly; SameSite=Strict; Path=/");
  return set.split(";")[0] ?? "";
};

test("the token is exchanged for a cookie, and then leaves the address bar", () => {
  const reply = ask(`/posting/42?token=${token}`);
  expect(reply).toMatchObject({ status: 303, body: "", headers: { Location: "/posting/42" } });
  const cookie = cookieOf(gate, token);
  expect(cookie).not.toContain(token);
  expect(ask("/", { cookie })).toBeNull();
  expect(ask("/", { cookie: `theme=dark; ${cookie}; other=1` })).toBeNull();
});

test("nobody else gets in: no token, a wrong one, a part of it, or that of another server", () => {
  const other = new Gate(newSecret());
  const cookie = cookieOf(gate, token);
  const wrong = ["", "a", token.slice(1), `${token}a`, token.toUpperCase(), "%00"];
  for (const each of wrong) expect(ask(`/?token=${each}`)).toMatchObject({ status: 403 });
  expect(ask("/")).toMatchObject({ status: 403 });
  for (const each of [`${cookie}a`, cookie.slice(0, -1), cookie.split("=")[0] ?? "", ""]) {
    expect(ask("/", { cookie: each })).toMatchObject({ status: 403 });
  }
  expect(ask("/", { cookie }, other)).toMatchObject({ status: 403 });
  // The token itself is no cookie.
  const [name] = cookie.split("=");
  expect(ask("/", { cookie: `${name}=${token}` })).toMatchObject({ status: 403 });
});

test("a name of another site that points to this machine is refused, also with the token", () => {
  const hosts = ["evil.example", "evil.example:9480", "localhost.evil.example", "127.0.0.1.nip.io"];
  const odd = ["", "localhost:9480@evil.example", "localhost:", "[::1]evil", "0.0.0.0:9480"];
  for (const host of [...hosts, ...odd]) {
    expect(ask(`/?token=${token}`, { host })).toMatchObject({ status: 421 });
  }
  const cookie = cookieOf(gate, token);
  for (const host of [
    "localhost",
    "LOCALHOST:8080",
    "127.0.0.1:1",
    "127.0.0.2:9480",
    "[::1]:9480",
  ]) {
    expect(ask("/", { host, cookie })).toBeNull();
  }
});

test("the redirect stays on this server", () => {
  for (const path of ["//evil.example/a", "/\\evil.example/a", "///evil.example/a"]) {
    expect(ask(`${path}?token=${token}`)?.headers?.["Location"]).toBe("/evil.example/a");
  }
});
