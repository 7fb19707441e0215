// The ladder: segments between two life lines. Only the rows that are seen exist.

import { segmentCard } from "../card";
import type { Subject } from "../describe";
import { headline, labelOf } from "../describe";
import { h, s } from "../dom";
import { count } from "../format";
import { lastAtMost } from "../search";
import type { Moment } from "../timeline/moment";
import { SIDES } from "../types";
import { words } from "../words";
import { Hover } from "./hover";
import type { Layout } from "./layout";
import { ROW_HEIGHTS, layOut, pauseUnit, rowAt } from "./layout";
import type { Columns } from "./row";
import { drawPause, drawRow } from "./row";

const HEAD = 30;

export class Ladder {
  readonly element: HTMLElement;
  private readonly svg = s("svg", { class: "ladder-view", "aria-hidden": "true" });
  private readonly space = h("div");
  private readonly scroller: HTMLElement;
  private readonly position = h("span", { class: "muted" });
  private readonly said = h("p", { class: "unseen", "aria-live": "polite" });
  private readonly hover = new Hover();
  private readonly dropped: Set<number>;
  private readonly ends: (() => void)[] = [];
  private readonly unit: number;
  private zoom: number;
  private layout: Layout;
  private pending = 0;

  constructor(
    private readonly subject: Subject,
    private readonly moment: Moment,
    private readonly select: (segment: number) => void,
  ) {
    const { detail, conn } = subject;
    this.unit = pauseUnit(detail, conn.initial_rtt ?? conn.b_sent.rtt.median ?? conn.a_sent.rtt.median);
    this.zoom = ROW_HEIGHTS.length - 1;
    this.layout = layOut(detail, ROW_HEIGHTS[this.zoom], this.unit);
    this.dropped = droppedSegments(subject);
    const about = words().ladder.about;
    this.scroller = h("div", { class: "ladder-scroll", tabindex: 0, role: "group", "aria-label": about }, this.svg, this.space);
    this.element = h("section", { class: "ladder", "aria-label": words().ladder.title }, this.head(), this.scroller, this.said);
    this.listen();
  }

  destroy(): void {
    cancelAnimationFrame(this.pending);
    for (const end of this.ends) end();
    this.hover.hide();
  }

  private head(): HTMLElement {
    const button = (sign: string, label: string, by: number): HTMLElement =>
      h("button", { type: "button", class: "icon", title: label, "aria-label": label, click: () => this.resize(by) }, sign);
    const text = words().ladder;
    return h(
      "header",
      {},
      h("h3", {}, text.title),
      this.position,
      h("span", { class: "tools" }, button("−", text.zoomOut, -1), button("+", text.zoomIn, 1)),
    );
  }

  private listen(): void {
    const { scroller } = this;
    scroller.addEventListener("scroll", () => this.refresh(), { passive: true });
    scroller.addEventListener("pointermove", (event) => this.pointed(event));
    scroller.addEventListener("pointerleave", () => this.left());
    scroller.addEventListener("click", (event) => {
      const row = this.rowUnder(event);
      if (row >= 0) this.select(row);
    });
    scroller.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.resize(event.deltaY > 0 ? -1 : 1);
    }, { passive: false });
    const sizes = new ResizeObserver(() => this.refresh());
    sizes.observe(scroller);
    this.ends.push(
      () => sizes.disconnect(),
      this.moment.selected.on((segment) => this.selected(segment)),
    );
  }

  /** Scrolls so that the moment is seen, without selecting anything. */
  showTime(time: number): void {
    this.bring(Math.max(lastAtMost(this.subject.detail.at, time), 0), 0.3);
  }

  /** Seconds of the first and the last row that is seen. */
  seen(): [number, number] {
    const { at } = this.subject.detail;
    const [first, end] = this.rows();
    return [at[first] ?? 0, at[end - 1] ?? 0];
  }

  private resize(by: number): void {
    const anchor = this.moment.selected.get() ?? this.rows()[0];
    this.zoom = Math.min(Math.max(this.zoom + by, 0), ROW_HEIGHTS.length - 1);
    this.layout = layOut(this.subject.detail, ROW_HEIGHTS[this.zoom], this.unit);
    this.refresh();
    requestAnimationFrame(() => this.bring(anchor, 0.4));
  }

  private selected(segment: number | null): void {
    this.refresh();
    if (segment === null) return;
    const top = this.layout.top[segment];
    const { scrollTop, clientHeight } = this.scroller;
    const isSeen = top >= scrollTop && top + this.layout.row + HEAD <= scrollTop + clientHeight;
    if (!isSeen) this.bring(segment, 0.4);
    const label = labelOf(this.subject.detail, segment);
    this.said.textContent = `${headline(this.subject, segment)}: ${label.flags} ${label.rest}`;
  }

  private bring(row: number, share: number): void {
    // Before its first picture there is nothing to scroll.
    this.makeSpace();
    this.scroller.scrollTop = this.layout.top[row] - (this.scroller.clientHeight - HEAD) * share;
    this.refresh();
  }

  private rowUnder(event: MouseEvent): number {
    const box = this.scroller.getBoundingClientRect();
    const y = event.clientY - box.top - HEAD;
    if (y < 0) return -1;
    const row = rowAt(this.layout, y + this.scroller.scrollTop);
    return row >= 0 && row < this.subject.detail.count ? row : -1;
  }

  private pointed(event: PointerEvent): void {
    const row = this.rowUnder(event);
    if (row < 0) {
      this.left();
      return;
    }
    this.moment.hover.set(this.subject.detail.at[row]);
    this.hover.show(row, event, () => segmentCard(this.subject, row));
  }

  private left(): void {
    this.hover.hide();
    this.moment.hover.set(null);
  }

  private rows(): [number, number] {
    const { count: all } = this.subject.detail;
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(rowAt(this.layout, scrollTop - 40), 0);
    const last = Math.max(rowAt(this.layout, scrollTop + clientHeight - HEAD), 0);
    return [first, Math.min(last + 1, all)];
  }

  private refresh(): void {
    if (this.pending !== 0) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  private makeSpace(): void {
    this.space.style.height = `${Math.max(this.layout.height + HEAD - this.scroller.clientHeight, 0)}px`;
    this.svg.style.height = `${this.scroller.clientHeight}px`;
  }

  private draw(): void {
    const { clientWidth: width, clientHeight: height, scrollTop } = this.scroller;
    if (width === 0 || height === 0) return;
    const columns: Columns = { time: 70, a: 92, b: width - 22 };
    this.makeSpace();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const [first, end] = this.rows();
    const selected = this.moment.selected.get();
    const rows: SVGElement[] = [];
    for (let i = first; i < end; i++) {
      const row = s("g", { transform: `translate(0 ${this.layout.top[i] - scrollTop + HEAD})` });
      row.append(...drawPause(this.subject, this.layout, columns, i));
      const state = { isSelected: i === selected, isDropped: this.dropped.has(i) };
      row.append(drawRow(this.subject, this.layout, columns, i, state));
      rows.push(row);
    }
    this.svg.replaceChildren(...lifeLines(columns, height), ...rows, ...heads(columns));
    const all = this.subject.detail.count;
    this.position.textContent = all === 0 ? words().ladder.unavailable : words().ladder.position(first + 1, end, count(all));
  }
}

function lifeLines(columns: Columns, height: number): SVGElement[] {
  return [columns.a, columns.b].map((x) => s("line", { class: "life", x1: x, x2: x, y1: HEAD, y2: height }));
}

function heads(columns: Columns): SVGElement[] {
  const back = s("rect", { class: "ladder-head", x: 0, y: 0, width: columns.b + 40, height: HEAD });
  const unit = s("text", { class: "row-time", x: columns.time, y: 19 }, words().units.time[0]);
  const ends = ([["a", columns.a], ["b", columns.b]] as const).map(([name, x]) =>
    s("g", { class: `end side-${name}` }, s("circle", { cx: x, cy: 15, r: 10 }), s("text", { x, y: 19 }, name)),
  );
  return [back, unit, ...ends];
}

/** Segments that the link is known to have dropped. */
function droppedSegments({ detail }: Subject): Set<number> {
  const found = new Set<number>();
  for (const side of SIDES) {
    const { drops, bars, segment } = detail.directions[side];
    drops.at.forEach((at, d) => {
      // The link drops a segment a moment after it was seen: the last one with its number.
      for (let k = lastAtMost(bars.at, at + 1e-9), tries = 0; k >= 0 && tries < 512; k--, tries++) {
        if (bars.from[k] !== drops.from[d]) continue;
        found.add(segment[k]);
        break;
      }
    });
  }
  return found;
}
