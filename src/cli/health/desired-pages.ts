import type { Target } from "../../db/settings/target.ts";
import { type DesiredSlots, desiredOf, readDesiredSlots } from "../../db/dashboard/desired.ts";
import { parseResourceList, type Provides } from "../../domain/capabilities.ts";
import { InvalidInput, messageOf } from "../../domain/errors.ts";
import { Link } from "../../pool/link/link.ts";
import { type HttpReply, plain } from "../http/http-server.ts";
import { publicReason } from "./public-reason.ts";

/** A figure is read again after this long … */
const freshMs = 5_000;
/** … and shown until it is this old, if it cannot be read. */
const staleMs = 30_000;
/** Different questions that are remembered; others are refused. */
const questionsMax = 20;
/** A statement that takes longer is cancelled by the server. */
const statementMs = 2_000;

interface KnownSlots extends DesiredSlots {
  readAt: number;
}

/**
 * Answers `/desired?provides=gpu=0&slots=16&project=a` from at most one query in 5 seconds for each
 * `provides` and project, however many clients ask. It uses a connection of its own, opened by the
 * first question: a slow answer must not delay heartbeats.
 */
export class DesiredPages implements AsyncDisposable {
  readonly #link: Link;
  readonly #known = new Map<string, KnownSlots>();
  readonly #reading = new Map<string, Promise<void>>();
  readonly #log: (line: string) => void;
  /** Why the last question failed, without names of the server; null if it did not. */
  #trouble: string | null = null;

  constructor(target: Target, log: (line: string) => void) {
    this.#log = log;
    this.#link = new Link(target, { deadlineMs: 2 * statementMs });
  }

  async answer(query: URLSearchParams): Promise<HttpReply> {
    const slots = Number(query.get("slots") ?? 1);
    if (!Number.isInteger(slots) || slots < 1 || slots > 1024) {
      return plain(400, "slots: expected a whole number from 1 to 1024");
    }
    const twice = ["slots", "provides", "project"].find((name) => query.getAll(name).length > 1);
    if (twice !== undefined) return plain(400, `${twice}: expected it once`);
    const asked = query.get("provides");
    const project = query.get("project");
    if (project?.includes("\0")) return plain(400, "project: expected no NUL character");
    try {
      const provides = asked === null ? null : parseResourceList(asked, "provides");
      const known = await this.#read({ provides, project });
      if (known === "too many") {
        return plain(400, `expected at most ${questionsMax} different questions`);
      }
      if (known === null) return plain(503, `not known: ${this.#trouble}. The log has the reason`);
      const desired = desiredOf(known, { slots });
      return { status: 200, type: "application/json", body: `${JSON.stringify(desired)}\n` };
    } catch (error) {
      if (error instanceof InvalidInput) return plain(400, error.message);
      throw error;
    }
  }

  async #read(of: {
    provides: Provides | null;
    project: string | null;
  }): Promise<DesiredSlots | null | "too many"> {
    const key = JSON.stringify([of.provides, of.project]);
    const ageMs = () => performance.now() - (this.#known.get(key)?.readAt ?? -Infinity);
    if (ageMs() > freshMs) {
      if (!this.#known.has(key) && !this.#hasRoom()) return "too many";
      const reading = this.#reading.get(key) ?? this.#ask(key, of);
      this.#reading.set(key, reading);
      await reading;
    }
    return ageMs() > staleMs ? null : (this.#known.get(key) ?? null);
  }

  /** Forgets questions that nobody asks any more. */
  #hasRoom(): boolean {
    const oldest = performance.now() - staleMs;
    for (const [key, { readAt }] of this.#known) if (readAt < oldest) this.#known.delete(key);
    return this.#known.size + this.#reading.size < questionsMax;
  }

  async #ask(
    key: string,
    of: { provides: Provides | null; project: string | null },
  ): Promise<void> {
    try {
      const desired = await this.#link.ask((db) => readDesiredSlots(db, of, statementMs));
      this.#known.set(key, { ...desired, readAt: performance.now() });
      this.#trouble = null;
    } catch (error) {
      if (this.#trouble === null) this.#log(`/desired cannot be answered: ${messageOf(error)}`);
      this.#trouble = publicReason(error);
    } finally {
      this.#reading.delete(key);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
  }
}
