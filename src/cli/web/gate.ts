import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

import { styleSource } from "../../report/page/style.ts";
import type { HttpReply, HttpRequest } from "../http/http-server.ts";

/** The headers of every answer: a page loads nothing, and nothing embeds it or learns its URL. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    `default-src 'none'; style-src ${styleSource}; base-uri 'none'; form-action 'none'; ` +
    "frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Frame-Options": "DENY",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** A secret as URLs and cookies can have it: 256 random bits. */
export const newSecret = (): string => randomBytes(32).toString("base64url");

/**
 * Lets a browser in that has once opened the URL with the token, as Jupyter does. The token becomes
 * a cookie, so it stays neither in the address bar nor in the history.
 */
export class Gate {
  readonly #token: string;
  /** The value of the cookie. It is not the token, which stands in terminals and logs. */
  readonly #session = newSecret();
  /** Cookies belong to all ports of a host, so each server has its own. */
  readonly #cookie: string;

  constructor(token: string) {
    this.#token = token;
    this.#cookie = `pdoflow-${createHash("sha256").update(token).digest("hex").slice(0, 12)}`;
  }

  /** The answer to a request that may not see the page, or null if it may. */
  refuse({ path, query, headers }: HttpRequest): HttpReply | null {
    if (!isLocalName(headers.get("host"))) {
      return refusal(421, "expected a request to localhost or 127.0.0.1");
    }
    const token = query.get("token");
    if (token !== null) {
      if (!isEqual(token, this.#token)) return refusal(403, wrongToken);
      return {
        status: 303,
        body: "",
        headers: {
          Location: localPath(path),
          "Set-Cookie": `${this.#cookie}=${this.#session}; HttpOnly; SameSite=Strict; Path=/`,
        },
      };
    }
    const cookies = (headers.get("cookie") ?? "").split(/;\s*/);
    const prefix = `${this.#cookie}=`;
    const own = cookies.filter((cookie) => cookie.startsWith(prefix));
    if (own.some((cookie) => isEqual(cookie.slice(prefix.length), this.#session))) return null;
    return refusal(403, "open the URL with the token that pdoflow web has printed");
  }
}

const wrongToken =
  "the token is wrong: open the URL that pdoflow web has printed. It changes at each start";

const refusal = (status: number, text: string): HttpReply => ({ status, body: `${text}\n` });

/**
 * A page of another site can let its own name point to this machine (DNS rebinding). Then the
 * browser sends that name. Any port is allowed, because tunnels have their own.
 */
const isLocalName = (host: string | undefined): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host ?? "");

/** Only a path of this server: "//host" would lead to another one. */
const localPath = (path: string): string => path.replace(/^[/\\]+/, "/");

/** Compares digests, so that the time depends neither on where texts differ nor on their length. */
const isEqual = (a: string, b: string): boolean => timingSafeEqual(digestOf(a), digestOf(b));
const digestOf = (text: string) => createHash("sha256").update(text).digest();
