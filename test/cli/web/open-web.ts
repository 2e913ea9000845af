import { until } from "../../binary/cli.ts";
import { type Commands, type Started, textOf } from "../in-process.ts";

/** A running `pdoflow web`, and a browser that has opened the URL that it printed. */
export interface OpenWeb extends AsyncDisposable {
  /** As printed, with the token. */
  url: URL;
  cookie: string;
  started: Started;
  get: (path: string, init?: RequestInit) => Promise<Response>;
  /** The page, once its figures have been added up. */
  page: (path: string) => Promise<string>;
}

/** The line that the server prints when it listens. */
export async function urlOf({ stdout, stderr }: Started): Promise<URL> {
  let text = "";
  for await (const part of stdout) {
    text += Buffer.from(part).toString();
    if (text.includes("\n")) return new URL(text.trim());
  }
  throw new Error(await textOf(stderr));
}

/** Starts it on a free port. Disposing it ends it as Ctrl-C does. */
export async function openWeb(cli: Commands, ...flags: string[]): Promise<OpenWeb> {
  const started = cli.start("web", "--listen", "127.0.0.1:0", ...flags);
  const url = await urlOf(started);
  const first = await fetch(url, { redirect: "manual" });
  const cookie = first.headers.get("set-cookie")?.split(";")[0] ?? "";
  const get: OpenWeb["get"] = (path, init = {}) =>
    fetch(new URL(path, url), { ...init, headers: { cookie }, redirect: "manual" });
  return {
    ...{ url, cookie, started, get },
    page: (path) =>
      until(`the page ${path}`, async () => {
        const text = await (await get(path)).text();
        return text.includes("Reading the figures") ? null : text;
      }),
    async [Symbol.asyncDispose]() {
      started.kill("SIGINT");
      await started.exited;
    },
  };
}
