/** What a page is made of, as it was read last. */
export interface Shown<T> {
  /** Null if it was never read. */
  value: T | null;
  /** How long ago it was read; null if it never was. */
  ageMs: number | null;
  /** Why it is not newer; null if the last read succeeded. */
  error: unknown;
}

interface Entry<T> {
  value: T | null;
  readAt: number | null;
  error: unknown;
  /** When the last read ended, and how long it took. */
  triedAt: number;
  tookMs: number;
  reading: Promise<void> | null;
  usedAt: number;
}

export interface BoardOptions<T> {
  read: (key: string) => Promise<T>;
  /** Whether nothing of it changes any more, as far as is known. */
  isFinal: (value: T) => boolean;
  /** A monotonic clock in milliseconds. */
  now: () => number;
}

/** No page is read more often. */
const freshMs = 2_000;
/** Ended postings can be retried, so these are read again, too. */
const finalMs = 60_000;
/** Reading takes at most this part of the time: a million jobs are not read every two seconds. */
const mostLoad = 0.1;
/** How long a page waits for newer figures before it shows older ones, or none. */
const patienceMs = 120;
/** Figures of a posting with all its charts are about 100 kB. */
const mostEntries = 100;

/**
 * Figures for all viewers: each key is read at most every two seconds, by one query at a time, no
 * matter how many ask.
 */
export class Board<T> {
  readonly #options: BoardOptions<T>;
  readonly #entries = new Map<string, Entry<T>>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: BoardOptions<T>) {
    this.#options = options;
  }

  /** The figures of a key; waits a moment for newer ones, unless they are new enough. */
  async get(key: string): Promise<Shown<T>> {
    const now = this.#options.now();
    const entry = this.#entryOf(key, now);
    if (entry.reading === null && this.#isOld(entry, now)) this.#refresh(key, entry);
    if (entry.reading !== null) await Promise.race([entry.reading, Bun.sleep(patienceMs)]);
    const { value, readAt, error } = entry;
    return { value, error, ageMs: readAt === null ? null : this.#options.now() - readAt };
  }

  #entryOf(key: string, now: number): Entry<T> {
    const known = this.#entries.get(key);
    if (known) {
      known.usedAt = now;
      return known;
    }
    const isIdle = ([, { reading }]: [string, Entry<T>]) => reading === null;
    const byUse = [...this.#entries].filter(isIdle).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [old] of byUse.slice(0, this.#entries.size - mostEntries + 1)) {
      this.#entries.delete(old);
    }
    const entry: Entry<T> = {
      ...{ value: null, readAt: null, error: null, reading: null },
      ...{ triedAt: -Infinity, tookMs: 0, usedAt: now },
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #isOld({ value, error, triedAt, tookMs }: Entry<T>, now: number): boolean {
    const isFinal = error === null && value !== null && this.#options.isFinal(value);
    return now - triedAt >= Math.max(isFinal ? finalMs : freshMs, tookMs / mostLoad);
  }

  #refresh(key: string, entry: Entry<T>): void {
    const { read, now } = this.#options;
    const work = async () => {
      const startedAt = now();
      try {
        entry.value = await read(key);
        entry.readAt = now();
        entry.error = null;
      } catch (error) {
        entry.error = error;
      }
      entry.triedAt = now();
      entry.tookMs = entry.triedAt - startedAt;
      entry.reading = null;
    };
    entry.reading = this.#queue.then(work);
    this.#queue = entry.reading;
  }
}
