import type { ListState, Model } from "./model.ts";

/** Changes the list in front. */
export const withList = (model: Model, change: Partial<ListState>): Model => ({
  ...model,
  lists: { ...model.lists, [model.pane]: { ...model.lists[model.pane], ...change } },
});
