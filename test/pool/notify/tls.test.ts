import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "pdoflow-notify-tls-"));
chmodSync(folder, 0o700);
afterAll(() => rmSync(folder, { recursive: true }));
const main = join(import.meta.dir, "../../../src/main.ts");

/** A server whose certificate is for this name. */
function serverOf(name: string) {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const { exitCode } = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert],
    ...["-days", "2", "-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`],
  ]);
  if (exitCode !== 0) throw new Error("openssl made no certificate");
  const tls = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  const hosts: (string | null)[] = [];
  const server = Bun.serve({
    ...{ port: 0, tls },
    fetch: ({ headers }) => {
      hosts.push(headers.get("host"));
      return new Response("ok");
    },
  });
  return { cert, hosts, port: server.port ?? 0, [Symbol.dispose]: () => void server.stop(true) };
}

/** Sends a test to https://localhost:PORT; `cert` is trusted, if it is given. */
async function send(port: number, cert?: string) {
  const file = join(folder, "hook.toml");
  writeFileSync(file, `url = "https://localhost:${port}/x"\nallow = ["127.0.0.1", "::1"]\n`);
  chmodSync(file, 0o600);
  const env = { PATH: process.env["PATH"], NODE_EXTRA_CA_CERTS: cert };
  const command = [process.execPath, main, "notify", "test", "hook", "--notify-from", folder];
  const child = Bun.spawn(command, { env, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, text: out + err };
}

test("the certificate is checked against the name of the URL, not the address", async () => {
  using right = serverOf("localhost");
  using wrong = serverOf("other.test");
  expect(await send(right.port, right.cert)).toMatchObject({ code: 0 });
  expect(right.hosts).toEqual([`localhost:${right.port}`]);
  expect(await send(right.port)).toMatchObject({
    code: 1,
    text: expect.stringContaining("SELF_SIGNED_CERT"),
  });
  expect(await send(wrong.port, wrong.cert)).toMatchObject({
    code: 1,
    text: expect.stringContaining("the connection failed (ERR_TLS_CERT_ALTNAME_INVALID)"),
  });
  expect(wrong.hosts).toEqual([]);
}, 30_000);
