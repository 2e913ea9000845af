import { addProfile, type Profile, tellProfile } from "../../db/engine/profiles.ts";
import type { Link } from "./link.ts";

const tellEveryMs = 2_000;

/** What was sampled of the jobs of a pool, told every two seconds where there is something. */
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
    this.#timer ??= setTimeout(() => void this.tell(), tellEveryMs);
  }

  /** A profile is for people to look at: one that the database did not take is not sent again. */
  async tell(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const told = this.#byPosting;
    this.#byPosting = new Map();
    for (const [postingId, profile] of told) {
      try {
        await this.#link.ask((db) => tellProfile(db, this.#poolId, postingId, profile));
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
