/** Wakes a loop that sleeps between two checks. */
export class Bell {
  #hasRung = false;
  #wake = () => {};

  /** Ends the current sleep, or the next one if there is none. */
  ring(): void {
    this.#hasRung = true;
    this.#wake();
  }

  /** Returns after `ms`, when the bell rings or has rung since the last sleep, or on abort. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#hasRung && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, Math.max(ms, 0));
        signal?.addEventListener("abort", done, { once: true });
        this.#wake = done;
      });
    }
    this.#hasRung = false;
    this.#wake = () => {};
  }
}
