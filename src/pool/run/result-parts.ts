import { messageOf } from "../../domain/errors.ts";
import type { GatheredPage } from "../../domain/upstream.ts";
import type { ReadMessage, ResultsMessage } from "../wire/protocol.ts";

/** The characters of a message: a page with a large result is sent in several parts. */
const partChars = 1024 * 1024;

/** Requests that wait behind another one: of the job before, and of the running one. */
const waitingMax = 2;

interface KeptPage extends GatheredPage, Pick<ReadMessage, "chunk" | "position" | "first"> {}

/**
 * Answers the requests of one worker for results, one after the other, and keeps the page whose
 * parts it is sending.
 */
export class ResultParts {
  #page: KeptPage | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Null for one request too many: a worker asks for one page at a time. */
  async answer(
    request: ReadMessage,
    read: (first: number) => Promise<GatheredPage>,
  ): Promise<ResultsMessage | null> {
    if (this.#waiting === waitingMax) return null; // user code has forged it
    this.#waiting++;
    const answer = this.#turn.then(() => this.#part(request, read));
    this.#turn = answer;
    return await answer.finally(() => this.#waiting--);
  }

  async #part(
    { chunk, position, first, part }: ReadMessage,
    read: (first: number) => Promise<GatheredPage>,
  ): Promise<ResultsMessage> {
    const head = { kind: "results", chunk, position, first } as const;
    try {
      const kept = this.#page;
      const isKept =
        kept?.chunk === chunk && kept.position === position && kept.first === first && part > 0;
      const page = isKept ? kept : { chunk, position, first, ...(await read(first)) };
      const end = (part + 1) * partChars;
      const isLastPart = end >= page.texts.length;
      this.#page = isLastPart ? null : page;
      const texts = page.texts.slice(part * partChars, end);
      return { ...head, states: page.states, texts, isLastPart, error: null };
    } catch (error) {
      return { ...head, states: "", texts: "", isLastPart: true, error: messageOf(error) };
    }
  }
}
