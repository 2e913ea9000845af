// A receiver of notifications with bad intentions: `bun hostile-endpoint.ts`, in a process of its
// own. It prints its port, and then a line for each request: the method, path, headers and body.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end(`status ${code}`);

const answers: Record<string, Answer> = {
  "/redirect": status(302, { location: "http://169.254.169.254/latest/meta-data/" }),
  "/410": status(410),
  "/404": status(404),
  "/408": status(408),
  "/425": status(425),
  "/500": status(500),
  "/429": status(429, { "retry-after": "120" }),
  "/429-soon": status(429, { "retry-after": "1" }),
  "/429-years": status(429, { "retry-after": "99999999999999" }),
  "/503": status(503, { "retry-after": new Date(Date.now() + 600_000).toUTCString() }),
  "/503-odd": status(503, { "retry-after": "soon" }),
  "/silent": () => {},
  "/cut": (_response, request) => request.socket.destroy(),
  "/headers": (response) => {
    for (let i = 0; i < 20_000; i++) response.setHeader(`x-${i}`, "x".repeat(1_000));
    response.end();
  },
  "/endless": (response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  },
  "/slow": (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write("z"), 20);
    response.on("close", () => clearInterval(timer));
  },
  "/slow-500": (response) => {
    response.writeHead(500);
    const timer = setInterval(() => response.write("z"), 20);
    response.on("close", () => clearInterval(timer));
  },
};

/** Answers with all that it was sent, as error pages of servers do. */
const echo: Answer = (response, request) => {
  const seen = JSON.stringify([
    request.url,
    decodeURIComponent(request.url ?? ""),
    request.headers,
  ]);
  response.writeHead(404).end(`no such hook: ${seen}`);
};

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => void parts.push(part));
  request.on("end", () => {
    const { method, url = "", headers } = request;
    const body = Buffer.concat(parts).toString("utf8");
    console.log(JSON.stringify({ method, url, headers, body }));
    const [path = ""] = url.split("?");
    const ok: Answer = (response) => void response.end("thank you\u0007 <b>");
    (path.startsWith("/echo") ? echo : (answers[path] ?? ok))(response, request);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : "");
});
