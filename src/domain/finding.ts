/** Something that is not as it should be. A problem hurts now; advice is what could be better. */
export interface Finding {
  kind: "problem" | "advice";
  about: string;
  found: string;
  remedy: string;
}

export const problem = (about: string, found: string, remedy: string): Finding => ({
  ...{ kind: "problem", about, found, remedy },
});
export const advice = (about: string, found: string, remedy: string): Finding => ({
  ...{ kind: "advice", about, found, remedy },
});
