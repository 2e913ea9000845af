import { messageOf } from "../../domain/errors.ts";

/** Why there was no answer, by the code of Bun's error: its own texts are about its `fetch`. */
const notThere: Readonly<Record<string, string>> = {
  // Bun also uses this code for an address that the network cannot reach.
  ECONNREFUSED: "nothing accepts connections there",
  ENOENT: "there is no socket",
  ENOTDIR: "there is no socket",
};

/** The same, if it would not help to start a server. */
const wrongAddress: Readonly<Record<string, string>> = {
  ENAMETOOLONG: "the path is too long for a socket",
  ENOTFOUND: "that host is not known",
  EAI_AGAIN: "that host could not be looked up",
  ECONNRESET: "the connection was closed before a whole answer",
  Malformed_HTTP_Response: "the answer is not HTTP",
  EPROTO: "the TLS handshake failed",
  UnexpectedRedirect: "the answer is a redirect, which is not followed",
};

interface Asked {
  /** The server to start, as in "a pool with --health". */
  server: string;
  /** The time that it had for its answer. */
  answerMs: number;
}

/** Why a request got no answer, and what to do. */
export function requestFailure(error: unknown, { server, answerMs }: Asked): string {
  if (error instanceof Error && error.name === "TimeoutError") {
    const late = `no whole answer within ${answerMs / 1_000} s`;
    return `${late}. Check whether it hangs, or a firewall is in between.`;
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : null;
  if (code === null) return messageOf(error); // our own: the request was given up
  if (code === "CERT_HAS_EXPIRED") return "its certificate has expired. Renew it.";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "its certificate is for another host. Write the host as the certificate does.";
  }
  if (/CERT|SIGNATURE/.test(code)) {
    return `its certificate is not trusted (${code}). Add its authority to NODE_EXTRA_CA_CERTS.`;
  }
  const reason = notThere[code];
  if (reason !== undefined) return `${reason}. Start ${server}, or correct the address.`;
  return `${wrongAddress[code] ?? `the request failed with ${code}`}. Correct the address.`;
}
