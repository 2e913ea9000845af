import type { Case } from "./case.ts";
import { drainKept } from "./cases/drain-kept.ts";
import { drain } from "./cases/drain.ts";
import { latency } from "./cases/latency.ts";
import { postBun, postNode } from "./cases/posting.ts";
import { smallPostings } from "./cases/small-postings.ts";

/** The table of targets, in its order. */
export const cases: readonly Case[] = [postBun, postNode, drain, drainKept, smallPostings, latency];
