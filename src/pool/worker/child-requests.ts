import { FatalError } from "../../job/thrown.ts";
import { type ChildCall, partChars } from "../wire/child-call.ts";
import type { PostedMessage, PostMessage } from "../wire/protocol.ts";

/** A call that the pool has not answered. */
interface ChildRequest extends Pick<PostMessage, "chunk" | "position"> {
  call: ChildCall;
  /** The number of characters that were sent. */
  sent: number;
  resolve: (id: number) => void;
  reject: (error: Error) => void;
}

/** The queue did not accept the jobs that a job posted. */
export class NotPosted extends Error {
  override readonly name = "NotPosted";
}

// User code may replace it.
const OwnPromise = Promise;

/** The calls of `post` in jobs: one at a time, part by part. */
export class ChildRequests {
  readonly #send: (message: PostMessage) => void;
  #request: ChildRequest | null = null;
  #turn: Promise<unknown> = OwnPromise.resolve();

  constructor(send: (message: PostMessage) => void) {
    this.#send = send;
  }

  /** Resolves with the number of the posting. */
  post({ chunk, position }: Pick<PostMessage, "chunk" | "position">, call: ChildCall) {
    const posted = this.#turn.then(
      () =>
        new OwnPromise<number>((resolve, reject) => {
          this.#request = { chunk, position, call, sent: 0, resolve, reject };
          this.#sendPart(this.#request);
        }),
    );
    this.#turn = posted.catch(() => {}); // the job gets the error
    return posted;
  }

  receive({ chunk, position, number, id, error }: PostedMessage): void {
    const request = this.#request;
    const isAnswer =
      request?.chunk === chunk && request.position === position && request.call.number === number;
    if (!isAnswer) return;
    if (id === null && error === null) return this.#sendPart(request);
    this.#request = null;
    if (id !== null) request.resolve(id);
    else request.reject(childError(error));
  }

  #sendPart(request: ChildRequest): void {
    const { chunk, position, call, sent } = request;
    const { number, entryPoint, options } = call;
    request.sent += partChars;
    const jobs = call.jobs.slice(sent, request.sent);
    const isLast = request.sent >= call.jobs.length;
    this.#send({ kind: "post", chunk, position, number, entryPoint, options, jobs, isLast });
  }
}

/** The error of a call, as its job gets it. */
export function childError(refusal: PostedMessage["error"]): Error {
  const { message, isFatal } = refusal ?? { message: "posted nothing", isFatal: false };
  return isFatal ? new FatalError(message) : new NotPosted(message);
}
