import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { InvalidInput } from "../../domain/errors.ts";
import type { Encryption } from "./addresses.ts";
import type { Settings } from "./parameters.ts";
import { requirePrivate, textOf } from "./secret-file.ts";

/** The certificates of a TLS connection, as PEM. */
export interface Certificates {
  /** The trusted authorities; missing if the runtime's own list applies. */
  ca?: string;
  /** Our own certificate, for servers that ask for one. */
  cert?: string;
  key?: string;
  passphrase?: string;
}

/** Where systems keep their trusted authorities. */
const systemRoots = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Alpine
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora
  "/etc/ssl/cert.pem", // macOS
];

/**
 * How to encrypt, and with which certificates, as in libpq: the named ones, else the files in
 * ~/.postgresql. With a root certificate, `require` checks as `verify-ca` does.
 *
 * @throws {InvalidInput} a required file does not exist, or other users can read the key.
 */
export function readCertificates(
  mode: Encryption | null,
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): { tls: Encryption; certificates: Certificates } {
  const rootFile = settings.get("sslrootcert");
  const isSystem = rootFile?.value === "system";
  if (isSystem && mode !== null && mode !== "verify-full") {
    throw new InvalidInput(rootFile.from, [
      "expected sslmode=verify-full with sslrootcert=system, since anyone can get a certificate " +
        `of a public authority, found sslmode=${mode === false ? "disable" : mode}`,
    ]);
  }
  const tls = mode ?? (isSystem ? "verify-full" : "prefer");
  if (tls === false) return { tls, certificates: {} };
  const ca = isSystem ? systemRoot(env) : ownRoot(tls, settings, env);
  return {
    tls: tls === "require" && ca !== undefined ? "verify-ca" : tls,
    certificates: { ...(ca === undefined ? {} : { ca }), ...ownCertificate(settings, env) },
  };
}

function systemRoot(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const file = env["SSL_CERT_FILE"] || systemRoots.find((each) => existsSync(each));
  return file === undefined ? undefined : readFileSync(file, "utf8");
}

function ownRoot(
  tls: Encryption,
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const named = settings.get("sslrootcert");
  const file = named?.value ?? inHome("root.crt", env);
  const text = file === undefined ? null : textOf(file);
  if (text !== null) return text;
  const isChecked = tls === "verify-ca" || tls === "verify-full" || tls === "require";
  if (named && isChecked) {
    throw new InvalidInput(named.from, [
      `expected a root certificate in ${named.value}, found no such file`,
    ]);
  }
  if (tls === "verify-ca") {
    throw new InvalidInput(settings.get("sslmode")?.from ?? "sslmode", [
      `verify-ca needs the certificate of an authority: name it in sslrootcert, or put it in ` +
        (file ?? "~/.postgresql/root.crt"),
    ]);
  }
  return undefined;
}

function ownCertificate(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Omit<Certificates, "ca"> {
  const named = settings.get("sslcert");
  const file = named?.value ?? inHome("postgresql.crt", env);
  const cert = file === undefined ? null : textOf(file);
  if (cert === null) {
    if (!named) return {};
    throw new InvalidInput(named.from, [
      `expected a certificate in ${named.value}, found no such file`,
    ]);
  }
  const namedKey = settings.get("sslkey");
  const keyFile = namedKey?.value ?? inHome("postgresql.key", env);
  const key = keyFile === undefined ? null : textOf(keyFile);
  if (key === null || keyFile === undefined) {
    throw new InvalidInput(namedKey?.from ?? named?.from ?? "sslkey", [
      `expected the key of the certificate ${file} in ${keyFile ?? "sslkey"}, found no such file`,
    ]);
  }
  requirePrivate(keyFile, { groupOfRoot: true });
  const passphrase = settings.get("sslpassword")?.value;
  return { cert, key, ...(passphrase === undefined ? {} : { passphrase }) };
}

const inHome = (name: string, env: Readonly<Record<string, string | undefined>>) =>
  env["HOME"] ? join(env["HOME"], ".postgresql", name) : undefined;
