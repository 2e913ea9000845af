import type { Pool } from "../../pool/pool.ts";
import type { InProcessPoolOptions } from "./in-process-pool.ts";

/** A pool in this process. */
export class ProgramPool {
  /** Its error, if it has failed. */
  #failure: { error: unknown } | undefined;
  #hasEnded = false;
  readonly #started: Promise<Pool>;
  readonly #ended: Promise<void>;

  constructor(db: string | undefined, options: InProcessPoolOptions) {
    this.#started = start(db, options);
    this.#ended = this.#run();
  }

  get pid(): number | undefined {
    return this.#hasEnded ? undefined : process.pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** It waits if the connection is lost; an error that ends it must be corrected first. */
  readonly isMishap = false;

  failure(): unknown {
    return this.#failure?.error;
  }

  /** Ends it after its running jobs, or after their grace period. */
  async end(): Promise<void> {
    const pool = await this.#started.catch(() => null); // reported below
    pool?.drain("it is stopped");
    await this.#ended;
    if (this.#failure) throw this.#failure.error;
  }

  async #run(): Promise<void> {
    try {
      const pool = await this.#started;
      await pool.finished();
    } catch (error) {
      this.#failure = { error };
    } finally {
      this.#hasEnded = true;
    }
  }
}

async function start(db: string | undefined, options: InProcessPoolOptions): Promise<Pool> {
  // Not at the top: programs that only post, or run a pool as a process, need no engine.
  const { connectionTo } = await import("../connection/connection.ts");
  const { startInProcess } = await import("./in-process-pool.ts");
  const connection = connectionTo(db);
  await connection.use(() => Promise.resolve()); // checks the version of the schema
  return await startInProcess(connection.target, options);
}
