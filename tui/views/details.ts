import type { Scene } from "../state/columns.ts";
import { type Line, type Span, line } from "../draw/frame.ts";

/** A name and a value, as in the views of one job and one pool. */
export const fact = (name: string, ...spans: (Span | string)[]): Line =>
  line({ text: ` ${name.padEnd(10)}`, tone: "dim" }, ...spans);

/** The lines that fit below a title and a rule, from `top` on. */
export function scrolled(
  { model, glyphs }: Scene,
  title: string,
  all: readonly Line[],
  view: { top: number; isFollowed: boolean },
  height: number,
): Line[] {
  const room = Math.max(1, height - 2);
  const last = Math.max(0, all.length - room);
  const top = view.isFollowed ? last : Math.min(view.top, last);
  const part =
    all.length <= room
      ? ""
      : `  lines ${top + 1} to ${Math.min(all.length, top + room)} of ${all.length}`;
  const following = view.isFollowed ? "  following" : "";
  return [
    line({ text: title, tone: "title" }, { text: `${part}${following}`, tone: "dim" }),
    line({ text: glyphs.rule.repeat(model.size.columns), tone: "dim" }),
    ...all.slice(top, top + room),
  ];
}
