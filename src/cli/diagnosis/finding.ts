/** A finding of doctor. A problem needs a remedy now; advice is optional. */
export interface Finding {
  kind: "problem" | "advice";
  about: string;
  found: string;
  remedy: string;
}

export const problem = (about: string, found: string, remedy: string): Finding => ({
  kind: "problem",
  about,
  found,
  remedy,
});
export const advice = (about: string, found: string, remedy: string): Finding => ({
  kind: "advice",
  about,
  found,
  remedy,
});
