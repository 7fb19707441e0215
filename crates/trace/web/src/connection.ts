// One connection: its plots, its ladder, its states, all bound to one zoom and one moment.

import { segmentCard } from "./card";
import type { Subject } from "./describe";
import { h } from "./dom";
import { count, moment as momentText, time } from "./format";
import { factsTable } from "./facts";
import { keyHints } from "./keys";
import { Ladder } from "./ladder/ladder";
import { Machine } from "./machine";
import { indexOfFrame, mainDirection } from "./model";
import { endName } from "./names";
import type { Links } from "./plots/frame";
import { Frame } from "./plots/frame";
import { limitsPlot } from "./plots/limits";
import { ratesPlot } from "./plots/rates";
import { rttPlot } from "./plots/rtt";
import { sequencePlot } from "./plots/sequence";
import type { PlotSpec } from "./plots/spec";
import { windowsPlot } from "./plots/windows";
import { nearest } from "./search";
import { Moment } from "./timeline/moment";
import { Zoom } from "./timeline/zoom";
import type { Conn, Run, Side } from "./types";
import { SIDES, SIDE_NAMES, otherSide } from "./types";
import { words } from "./words";

const RIGHT = 14;
const RIGHT_WITH_AXIS = 68;
/** Around a segment that evidence leads to, this many round trips are shown. */
const TRIPS_SHOWN = 10;

export class ConnectionView {
  readonly element: HTMLElement;
  readonly zoom: Zoom;
  readonly moment = new Moment();
  private readonly plots = h("div", { class: "plots" });
  private readonly dock = h("div", { class: "dock", "aria-label": words().ladder.details });
  private readonly switches = new Map<Side, HTMLElement>();
  private readonly ladder: Ladder;
  private readonly machine: Machine;
  private frames: Frame[] = [];
  private direction: Side;

  constructor(private readonly subject: Subject) {
    const { run, conn, detail } = subject;
    this.zoom = new Zoom(detail.seconds);
    this.direction = mainDirection(conn);
    this.ladder = new Ladder(subject, this.moment, (segment) => this.select(segment));
    this.machine = new Machine(subject, this.moment);
    const omitted = conn.omitted > 0 ? h("p", { class: "notice" }, words().connection.omitted(count(conn.omitted))) : null;
    const aside = h("aside", { class: "side-by panel" }, this.ladder.element, this.dock);
    this.element = h(
      "div",
      { class: "connection-body" },
      omitted,
      this.toolbar(),
      h("div", { class: "workbench" }, this.plots, aside),
      h("div", { class: "below" }, this.machine.element, factsTable(run, conn)),
    );
    this.moment.selected.on(() => this.selected());
    this.zoom.range.on(({ from, to }) => this.zoomed(from, to));
    this.selected();
  }

  /** Draws the plots; the element has to be on the page, since they take their width from it. */
  start(): void {
    this.drawPlots();
  }

  destroy(): void {
    for (const frame of this.frames) frame.destroy();
    this.ladder.destroy();
    this.machine.destroy();
  }

  /** Selects a segment, and brings it into every plot. */
  select(segment: number): void {
    this.moment.selected.set(segment);
    this.zoom.reveal(this.subject.detail.at[segment]);
  }

  /** Selects the segment of a frame and goes near; false when the detail has none. */
  showFrame(frame: number): boolean {
    const segment = indexOfFrame(this.subject.detail, frame);
    if (segment < 0) return false;
    const { detail, conn } = this.subject;
    const side = detail.side[segment] as Side;
    // The plot of numbers shows who sent data: an acknowledgment stands in the plot of the other side.
    this.turn(detail.len[segment] > 0 ? side : otherSide(side));
    const trip = conn.initial_rtt ?? detail.seconds / 50;
    const near = Math.min(Math.max(trip * TRIPS_SHOWN, detail.seconds / 1000), detail.seconds);
    const at = detail.at[segment];
    this.zoom.show(at - near / 2, at + near / 2);
    this.moment.selected.set(segment);
    return true;
  }

  /** Selects the next or the previous segment. */
  step(by: number): void {
    const { count: all, at } = this.subject.detail;
    if (all === 0) return;
    const now = this.moment.selected.get();
    const { from } = this.zoom.range.get();
    const start = now ?? Math.max(nearest(at, from), 0) - (by > 0 ? 1 : 0);
    this.select(Math.min(Math.max(start + by, 0), all - 1));
  }

  turnOver(): void {
    this.turn(otherSide(this.direction));
  }

  /** The moment that zooming keeps in its place. */
  fixed(): number | undefined {
    const segment = this.moment.selected.get();
    if (segment === null) return undefined;
    const at = this.subject.detail.at[segment];
    const { from, to } = this.zoom.range.get();
    return at >= from && at <= to ? at : undefined;
  }

  private turn(side: Side): void {
    if (side === this.direction) return;
    this.direction = side;
    this.drawPlots();
  }

  private toolbar(): HTMLElement {
    const text = words().plots;
    const { run, conn } = this.subject;
    const button = (sign: string, label: string, click: () => void): HTMLElement =>
      h("button", { type: "button", class: "icon", title: label, "aria-label": label, click }, sign);
    for (const side of SIDES) {
      const name = SIDE_NAMES[side];
      const label = `${name} → ${SIDE_NAMES[otherSide(side)]}`;
      this.switches.set(side, h("button", { type: "button", class: `side-${name}`, title: endName(run, conn[name]), click: () => this.turn(side) }, label));
    }
    return h(
      "div",
      { class: "toolbar no-print" },
      h("span", { class: "muted" }, words().connection.direction),
      h("span", { class: "switch", role: "group", "aria-label": words().connection.direction }, ...this.switches.values()),
      h(
        "span",
        { class: "tools" },
        button("‹", text.panLeft, () => this.zoom.pan(-0.25)),
        button("−", text.zoomOut, () => this.zoom.scale(1.6, this.fixed())),
        button("+", text.zoomIn, () => this.zoom.scale(1 / 1.6, this.fixed())),
        button("›", text.panRight, () => this.zoom.pan(0.25)),
        h("button", { type: "button", click: () => this.zoom.reset() }, text.whole),
      ),
      keyHints(),
    );
  }

  private drawPlots(): void {
    const { report, detail } = this.subject;
    for (const frame of this.frames) frame.destroy();
    for (const [side, button] of this.switches) button.setAttribute("aria-pressed", String(side === this.direction));
    const direction = detail.directions[this.direction];
    const limits = limitsPlot(report, detail);
    const specs: PlotSpec[] = [
      sequencePlot(detail, direction, () => this.moment.selected.get()),
      windowsPlot(detail, direction),
      rttPlot(detail, this.direction),
      ratesPlot(direction),
      ...(limits ? [limits] : []),
    ];
    const right = specs.some((spec) => spec.labels2) ? RIGHT_WITH_AXIS : RIGHT;
    this.frames = specs.map((spec) => new Frame(spec, this.links(), right));
    this.plots.replaceChildren(...this.frames.map((frame) => frame.element));
  }

  private links(): Links {
    const { detail } = this.subject;
    return {
      zoom: this.zoom,
      hover: this.moment.hover,
      selectedAt: () => {
        const segment = this.moment.selected.get();
        return segment === null ? null : detail.at[segment];
      },
      pick: (at, segment) => {
        const found = segment ?? nearest(detail.at, at);
        if (found >= 0) this.select(found);
      },
    };
  }

  private selected(): void {
    for (const frame of this.frames) frame.refresh();
    const segment = this.moment.selected.get();
    this.dock.replaceChildren(segment === null ? h("p", { class: "muted" }, words().ladder.none) : segmentCard(this.subject, segment));
    this.dock.scrollTop = 0;
  }

  /** The ladder follows the plots when nothing of what they show is in it. */
  private zoomed(from: number, to: number): void {
    const [first, last] = this.ladder.seen();
    if (last < from || first > to) this.ladder.showTime(from);
  }
}

/** The heading of a connection: who, when, how it went. */
export function connectionHead(run: Run, conn: Conn, index: number): HTMLElement {
  const text = words().connection;
  const end = (side: "a" | "b"): HTMLElement =>
    h("span", { class: "end-name", title: conn[side] }, h("b", { class: `badge side-${side}` }, side), endName(run, conn[side]));
  const fact = (name: string, value: string): HTMLElement => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  const segments = conn.a_sent.segments + conn.b_sent.segments;
  return h(
    "header",
    { class: "connection-head" },
    h("h2", {}, text.title(index + 1)),
    h("p", { class: "ends-line" }, end("a"), end("b")),
    h(
      "dl",
      { class: "facts-line" },
      fact(text.began, `${momentText(conn.began, 1e-3)} ${words().units.time[0]}`),
      fact(text.duration, time(conn.seconds)),
      fact(text.handshake, time(conn.initial_rtt)),
      fact(text.segments, count(segments)),
      fact(text.closed, conn.close_words),
    ),
  );
}
