// The picture of one segment in the ladder.

import type { Subject } from "../describe";
import { causeOf, labelOf, marksOf } from "../describe";
import { s } from "../dom";
import { moment, time } from "../format";
import { FLAGS } from "../types";
import type { Layout } from "./layout";

export interface Columns {
  /** x of the life lines of a and b, and where the time column ends. */
  a: number;
  b: number;
  time: number;
}

const MONO = 6.1;
const SANS = 5.7;
/** From this height on rows have labels, and causes. */
export const LABELS_FROM = 20;
export const CAUSES_FROM = 40;

export interface RowState {
  isSelected: boolean;
  isDropped: boolean;
}

export function drawRow(subject: Subject, layout: Layout, columns: Columns, i: number, state: RowState): SVGGElement {
  const { detail } = subject;
  const { row } = layout;
  const isFromA = detail.side[i] === 0;
  const group = s("g", { class: `row side-${isFromA ? "a" : "b"}${state.isSelected ? " selected" : ""}`, "data-row": i });
  if (state.isSelected) {
    const rect = { class: "row-back", x: 2, y: 0, width: columns.b + 20, height: row, rx: 4 };
    group.append(s("rect", rect));
  }
  if (row >= 12) group.append(s("text", { class: "row-time", x: columns.time, y: row >= CAUSES_FROM ? 26 : row * 0.5 + 4 }, moment(detail.at[i], 1e-6)));
  group.append(...arrow(subject, layout, columns, i, state));
  if (row >= LABELS_FROM) group.append(...texts(subject, layout, columns, i));
  return group;
}

function arrow({ detail, report }: Subject, { row }: Layout, columns: Columns, i: number, state: RowState): SVGElement[] {
  const isFromA = detail.side[i] === 0;
  const [x1, x2] = isFromA ? [columns.a, columns.b] : [columns.b, columns.a];
  const [y1, y2] = row >= CAUSES_FROM ? [18, 26] : row >= LABELS_FROM ? [13, 20] : [row * 0.3, row * 0.7];
  const share = state.isDropped ? 0.72 : 1;
  const [endX, endY] = [x1 + (x2 - x1) * share, y1 + (y2 - y1) * share];
  const loud = marksOf(report, detail, i).find((mark) => !mark.isQuiet && mark.colour !== "muted");
  const colour = detail.flags[i] & FLAGS.RST ? "timeout" : (loud?.colour ?? (isFromA ? "a" : "b"));
  const style = `--arrow: var(--${colour})`;
  const width = detail.len[i] > 0 ? 1.75 : 1;
  const line = s("line", { class: "arrow", x1, y1, x2: endX, y2: endY, style, "stroke-width": width });
  if (state.isDropped) {
    const d = `M${endX - 4} ${endY - 4}l8 8m0 -8l-8 8`;
    return [line, s("path", { class: "lost", d })];
  }
  const size = row >= LABELS_FROM ? 7 : 4;
  const back = isFromA ? -size : size;
  const slope = ((y2 - y1) / (x2 - x1)) * back;
  const d = `M${x2} ${y2}l${back} ${slope - size * 0.5}v${size}z`;
  return [line, s("path", { class: "head", d, style })];
}

function texts(subject: Subject, { row }: Layout, columns: Columns, i: number): SVGElement[] {
  const { detail, report } = subject;
  const isFromA = detail.side[i] === 0;
  const x = isFromA ? columns.a + 10 : columns.b - 10;
  const anchor = isFromA ? "start" : "end";
  const room = columns.b - columns.a - 20;
  const label = labelOf(detail, i);
  const loud = marksOf(report, detail, i).filter((mark) => !mark.isQuiet);
  const line = s("text", { class: "label", x, y: row >= CAUSES_FROM ? 13 : 11, "text-anchor": anchor });
  line.append(s("tspan", { class: "label-flags" }, label.flags));
  let left = room / MONO - label.flags.length - 2;
  const add = (text: string, attributes: Record<string, string>): void => {
    if (text === "" || left < 6) return;
    const shown = clipped(text, left);
    left -= shown.length + 2;
    line.append(s("tspan", { dx: 8, ...attributes }, shown));
  };
  add(label.rest, {});
  if (row < CAUSES_FROM) {
    for (const mark of loud) add(mark.words, { class: "label-mark", style: `fill: var(--${mark.colour}-text)` });
    return [line];
  }
  add(label.sack, { class: "label-sack" });
  const below = s("text", { class: "cause", x, y: 38, "text-anchor": anchor });
  let space = room / SANS;
  for (const mark of loud) {
    const text = clipped(mark.words, space);
    below.append(s("tspan", { class: "label-mark", style: `fill: var(--${mark.colour}-text)`, dx: below.hasChildNodes() ? 8 : 0 }, text));
    space -= text.length + 2;
  }
  const cause = causeOf(subject, i);
  if (cause !== null && space > 8) below.append(s("tspan", { dx: below.hasChildNodes() ? 8 : 0 }, clipped(cause, space)));
  return [line, below];
}

function clipped(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, Math.max(Math.floor(room) - 1, 1))}…`;
}

/** The pause before row i, where it has room to be told. */
export function drawPause(subject: Subject, layout: Layout, columns: Columns, i: number): SVGElement[] {
  const { at } = subject.detail;
  const top = i === 0 ? 0 : layout.top[i - 1] + layout.row;
  const room = layout.top[i] - top;
  if (i === 0 || room < 3) return [];
  const lines = [columns.a, columns.b].map((x) => s("line", { class: "pause-line", x1: x, x2: x, y1: -room, y2: 0 }));
  if (room < 11) return lines;
  const text = `+${time(at[i] - at[i - 1])}`;
  return [...lines, s("text", { class: "pause", x: (columns.a + columns.b) / 2, y: -room / 2 + 4 }, text)];
}
