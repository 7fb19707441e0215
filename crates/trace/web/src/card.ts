// The card of one segment: everything about it as a list.

import type { Subject } from "./describe";
import { headline, marksOf, rowsOf } from "./describe";
import { h } from "./dom";

export function segmentCard(subject: Subject, i: number): HTMLElement {
  const marks = marksOf(subject.report, subject.detail, i);
  const side = subject.detail.side[i] === 0 ? "a" : "b";
  const chips = marks.map((mark) => h("span", { class: "chip", style: `--chip: var(--${mark.colour})` }, mark.words));
  const rows = rowsOf(subject, i).flatMap(([name, text, more]) => [
    h("dt", {}, name),
    h("dd", {}, text, more ? h("small", {}, ` ${more}`) : null),
  ]);
  return h(
    "div",
    { class: "segment" },
    h("p", { class: `segment-head side-${side}` }, headline(subject, i)),
    chips.length > 0 ? h("p", { class: "chips" }, ...chips) : null,
    h("dl", {}, ...rows),
  );
}
