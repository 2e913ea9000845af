// The pages of a health port, and metrics as Prometheus reads them.
import { until } from "../../binary/cli.ts";

export interface Page {
  status: number;
  text: string;
}

/** Asks a health port, which listens on a socket. */
export async function ask(socket: string, path: string, accept = ""): Promise<Page> {
  const reply = await fetch(`http://localhost${path}`, { unix: socket, headers: { accept } });
  return { status: reply.status, text: await reply.text() };
}

/** Asks until a page has this status. */
export const untilStatus = (socket: string, path: string, status: number): Promise<Page> =>
  until(`${path} with ${status}`, async () => {
    const page = await ask(socket, path).catch(() => null);
    return page?.status === status && page;
  });

/** The values of a text of metrics, by name and labels. */
export function valuesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
  );
}
