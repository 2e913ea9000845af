import type { GatheredPage } from "../../domain/upstream.ts";
import type { ReadMessage, ResultsMessage } from "../wire/protocol.ts";

interface Request extends Pick<ReadMessage, "chunk" | "position" | "first"> {
  resolve: (page: GatheredPage) => void;
  reject: (error: Error) => void;
  texts: string[];
}

/** The pool could not read the results. */
class ResultsUnread extends Error {
  override readonly name = "ResultsUnread";
}

// User code may replace it.
const OwnPromise = Promise;

/** The requests of jobs for results of their upstreams: one page at a time, part by part. */
export class ResultRequests {
  readonly #send: (message: ReadMessage) => void;
  /** The request of the running job, or of one before. */
  #request: Request | null = null;

  constructor(send: (message: ReadMessage) => void) {
    this.#send = send;
  }

  /** A page for the running job. It never arrives if the job ends before. */
  read(job: Pick<ReadMessage, "chunk" | "position">, first: number): Promise<GatheredPage> {
    const { chunk, position } = job;
    return new OwnPromise((resolve, reject) => {
      this.#request = { chunk, position, first, resolve, reject, texts: [] };
      this.#send({ kind: "read", chunk, position, first, part: 0 });
    });
  }

  receive({ chunk, position, first, states, texts, isLastPart, error }: ResultsMessage): void {
    const request = this.#request;
    const isAnswer =
      request?.chunk === chunk && request.position === position && request.first === first;
    if (!isAnswer) return; // the job has ended
    if (error !== null) return request.reject(new ResultsUnread(error));
    request.texts.push(texts);
    if (isLastPart) request.resolve({ states, texts: request.texts.join("") });
    else this.#send({ kind: "read", chunk, position, first, part: request.texts.length });
  }
}
