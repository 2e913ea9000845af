import { join } from "node:path";

/** A request as the endpoint got it. */
export interface SeenRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** A hostile endpoint, which runs in a process of its own. */
export interface Endpoint extends AsyncDisposable {
  port: number;
  /** The next request that it got. */
  next(): Promise<SeenRequest>;
  /** All requests since then, after the process has ended. */
  rest(): Promise<SeenRequest[]>;
}

export async function openEndpoint(): Promise<Endpoint> {
  const command = [process.execPath, join(import.meta.dir, "hostile-endpoint.ts")];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit", env: {} });
  const lines = linesOf(child.stdout);
  const port = Number((await lines.next()).value);
  const stop = async () => {
    child.kill();
    await child.exited;
  };
  return {
    port,
    next: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error("expected a request, and the endpoint has ended");
      return JSON.parse(value) as SeenRequest;
    },
    rest: async () => {
      await stop();
      return (await Array.fromAsync(lines)).map((line) => JSON.parse(line) as SeenRequest);
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const part of stream) {
    text += decoder.decode(part, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}
