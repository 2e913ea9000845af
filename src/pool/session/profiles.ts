import { addProfile, type Profile, reportProfile } from "../../db/engine/profiles.ts";
import type { Link } from "../link/link.ts";

const sendEveryMs = 2_000;

/** Profiles of the jobs of a pool, sent to the database every two seconds. */
export class Profiles {
  readonly #link: Link;
  readonly #poolId: number;
  readonly #onError: (error: unknown) => void;
  #byPosting = new Map<number, Profile>();
  #timer: NodeJS.Timeout | undefined;

  constructor(link: Link, poolId: number, onError: (error: unknown) => void) {
    this.#link = link;
    this.#poolId = poolId;
    this.#onError = onError;
  }

  add(postingId: number, profile: Profile): void {
    const sum = this.#byPosting.get(postingId);
    if (sum) addProfile(sum, profile);
    else this.#byPosting.set(postingId, { jobs: profile.jobs, stacks: { ...profile.stacks } });
    this.#timer ??= setTimeout(() => void this.send(), sendEveryMs);
  }

  /** A profile that the database did not accept is dropped: it is only for display. */
  async send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const profiles = this.#byPosting;
    this.#byPosting = new Map();
    for (const [postingId, profile] of profiles) {
      try {
        await this.#link.ask((db) => reportProfile(db, this.#poolId, postingId, profile));
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
