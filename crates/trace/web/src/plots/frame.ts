// One plot on the page: uPlot for axes, cursor and selection; zoom, cursor and selected moment are
// shared with its neighbours; what is drawn comes from a PlotSpec.

import uPlot from "uplot";
import { h } from "../dom";
import { moment as momentText } from "../format";
import type { Signal } from "../signal";
import { theme } from "../theme";
import type { Zoom } from "../timeline/zoom";
import { words } from "../words";
import type { Area } from "./draw";
import { Legend } from "./legend";
import type { PlotSpec } from "./spec";

/** What the plots of one view share. */
export interface Links {
  zoom: Zoom;
  hover: Signal<number | null>;
  /** The moment that is selected. */
  selectedAt: () => number | null;
  /** A click at a time, on a segment when the plot knows one there. */
  pick: (time: number, segment: number | null) => void;
}

const LEFT = 80;
const WHEEL_STEP = 1.25;
/** A pointer that moved less has clicked. */
const CLICK_PIXELS = 4;

export class Frame {
  readonly element: HTMLElement;
  private readonly plot: uPlot;
  private readonly legend: Legend;
  private readonly body = h("div", { class: "plot-body" });
  private readonly ends: (() => void)[] = [];
  private manual: [number, number] | null = null;
  private pending = 0;
  private isDrawn = false;
  private pressedAt = { x: -1, y: -1 };

  constructor(
    private readonly spec: PlotSpec,
    private readonly links: Links,
    right: number,
  ) {
    this.legend = new Legend(spec.legend, () => this.refresh());
    this.element = h(
      "section",
      { class: "plot", "data-plot": spec.id, role: "group", "aria-label": `${spec.title}. ${spec.about}` },
      h("header", {}, h("h3", { title: spec.about }, spec.title), this.legend.element),
      this.body,
    );
    this.plot = new uPlot(this.options(right), [[0, links.zoom.total], [null, null]], this.body);
    this.listen();
  }

  destroy(): void {
    cancelAnimationFrame(this.pending);
    for (const end of this.ends) end();
    this.plot.destroy();
  }

  /** Draws anew with the next picture of the screen. */
  refresh(): void {
    if (this.pending !== 0) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.apply(this.plot.width);
    });
  }

  private apply(width: number): void {
    const range = this.links.zoom.range.get();
    const fit = this.spec.fit(range);
    const y = this.manual ?? fit.y;
    this.isDrawn = true;
    this.plot.batch(() => {
      if (width !== this.plot.width) this.plot.setSize({ width, height: this.spec.height });
      this.plot.setScale("x", { min: range.from, max: range.to });
      this.plot.setScale("y", { min: y[0], max: y[1] });
      if (fit.y2) this.plot.setScale("y2", { min: fit.y2[0], max: fit.y2[1] });
      this.plot.redraw(false, true);
    });
    // uPlot applies a batch when the running code is done; the pointer then is at another time.
    queueMicrotask(() => (this.plot.over.matches(":hover") ? this.pointed() : this.follow(this.links.hover.get())));
  }

  private readout(): void {
    this.legend.tell(this.links.hover.get() ?? this.links.selectedAt());
  }

  private options(right: number): uPlot.Options {
    const { spec } = this;
    const font = "11px system-ui, -apple-system, 'Segoe UI', sans-serif";
    const look = {
      font,
      stroke: () => theme.colour("muted"),
      grid: { stroke: () => theme.colour("grid"), width: 1 },
      ticks: { stroke: () => theme.colour("line"), width: 1, size: 4 },
    };
    const axes: uPlot.Axis[] = [
      {
        ...look,
        size: spec.showsTime ? 26 : 6,
        gap: 4,
        space: 76,
        values: (_u, values) => (spec.showsTime ? timeLabels(values) : values.map(() => "")),
      },
      {
        ...look,
        size: LEFT,
        gap: 6,
        space: 34,
        ...(spec.splits ? { splits: () => spec.splits as number[], grid: { show: false } } : {}),
        values: (_u, values) => spec.labels(values),
      },
    ];
    const labels2 = spec.labels2;
    if (labels2) {
      axes.push({ ...look, scale: "y2", side: 1, size: right, grid: { show: false }, values: (_u, values) => labels2(values) });
    }
    return {
      width: 600,
      height: spec.height,
      padding: [8, labels2 ? 0 : right, 4, 0],
      legend: { show: false },
      scales: { x: { time: false, auto: false }, y: { auto: false }, y2: { auto: false } },
      series: [{}, { scale: "y", points: { show: false } }],
      axes,
      cursor: {
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: {
          dblclick: () => () => {
            this.reset();
            return null;
          },
        },
      },
      hooks: {
        draw: [() => this.draw()],
        setCursor: [() => this.pointed()],
        setSelect: [() => this.marked()],
      },
    };
  }

  private listen(): void {
    const { zoom, hover } = this.links;
    const { over } = this.plot;
    this.ends.push(
      zoom.range.on(() => this.refresh()),
      hover.on((time) => this.follow(time)),
      theme.shown.on(() => this.refresh()),
    );
    over.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    over.addEventListener("pointerdown", (event) => (this.pressedAt = { x: event.clientX, y: event.clientY }));
    over.addEventListener("click", (event) => this.clicked(event));
    const sizes = new ResizeObserver(() => {
      // The first of these comes when the plot has its place on the page: nothing is drawn before.
      const width = Math.floor(this.body.clientWidth);
      if (width > 0 && (!this.isDrawn || width !== this.plot.width)) this.apply(width);
    });
    sizes.observe(this.body);
    this.ends.push(() => sizes.disconnect());
  }

  private wheel(event: WheelEvent): void {
    const { zoom } = this.links;
    const delta = event.deltaY || event.deltaX;
    if (delta === 0) return;
    const box = this.plot.over.getBoundingClientRect();
    const factor = delta > 0 ? WHEEL_STEP : 1 / WHEEL_STEP;
    if (event.shiftKey) {
      event.preventDefault();
      this.scaleValues(factor, this.plot.posToVal(event.clientY - box.top, "y"));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      zoom.pan(event.deltaX / box.width);
    } else if (!(delta > 0 && zoom.isWhole)) {
      // Where nothing is left to zoom out of, the page scrolls.
      event.preventDefault();
      zoom.scale(factor, this.plot.posToVal(event.clientX - box.left, "x"));
    }
  }

  private scaleValues(factor: number, fixed: number): void {
    const { min, max } = this.plot.scales["y"];
    if (min === undefined || max === undefined || this.spec.splits) return;
    this.manual = [fixed - (fixed - min) * factor, fixed + (max - fixed) * factor];
    this.refresh();
  }

  private reset(): void {
    this.manual = null;
    this.links.zoom.reset();
    this.refresh();
  }

  private clicked(event: MouseEvent): void {
    const moved = Math.hypot(event.clientX - this.pressedAt.x, event.clientY - this.pressedAt.y);
    if (moved > CLICK_PIXELS) return;
    const box = this.plot.over.getBoundingClientRect();
    const time = this.plot.posToVal(event.clientX - box.left, "x");
    const value = this.plot.posToVal(event.clientY - box.top, "y");
    const { from, to } = this.links.zoom.range.get();
    const { min = 0, max = 1 } = this.plot.scales["y"];
    const scale = { x: box.width / (to - from), y: box.height / (max - min) };
    this.links.pick(time, this.spec.segmentAt?.(time, value, scale) ?? null);
  }

  /** The pointer moved over this plot, or left it. */
  private pointed(): void {
    const { left } = this.plot.cursor;
    const isInside = left !== undefined && left !== null && left >= 0;
    this.links.hover.set(isInside ? this.plot.posToVal(left, "x") : null);
  }

  /** The pointer moved over this plot or a neighbour. */
  private follow(time: number | null): void {
    this.readout();
    if (this.plot.over.matches(":hover")) return;
    const left = time === null ? -10 : this.plot.valToPos(time, "x");
    this.plot.setCursor({ left, top: -10 }, false);
  }

  private marked(): void {
    const { left, width } = this.plot.select;
    if (width <= CLICK_PIXELS) return;
    const { zoom } = this.links;
    zoom.show(this.plot.posToVal(left, "x"), this.plot.posToVal(left + width, "x"));
    this.plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  private draw(): void {
    const { plot } = this;
    const { min: from, max: to } = plot.scales["x"];
    const { min, max } = plot.scales["y"];
    if (from == null || to == null || min == null || max == null) return;
    const { left, top, width, height } = plot.bbox;
    const y2 = plot.scales["y2"];
    const linear = (low: number, high: number) => (value: number) => top + height * (1 - (value - low) / (high - low));
    const area: Area = {
      context: plot.ctx,
      ratio: uPlot.pxRatio,
      left,
      top,
      width,
      height,
      from,
      to,
      x: (time) => left + ((time - from) / (to - from)) * width,
      y: linear(min, max),
      y2: linear(y2?.min ?? 0, y2?.max ?? 1),
    };
    const { context } = area;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.lineJoin = "round";
    this.spec.draw(area);
    this.drawSelected(area);
    context.restore();
  }

  private drawSelected(area: Area): void {
    const time = this.links.selectedAt();
    if (time === null || time < area.from || time > area.to) return;
    const { context } = area;
    const x = Math.round(area.x(time)) + 0.5;
    context.setLineDash([]);
    context.strokeStyle = theme.colour("accent");
    context.globalAlpha = 0.75;
    context.lineWidth = area.ratio;
    context.beginPath();
    context.moveTo(x, area.top);
    context.lineTo(x, area.top + area.height);
    context.stroke();
    context.globalAlpha = 1;
  }
}

function timeLabels(values: number[]): string[] {
  const step = values.length > 1 ? values[1] - values[0] : 1;
  const unit = words().units.time[0];
  return values.map((value, i) => momentText(value, step) + (i === values.length - 1 ? `\u00a0${unit}` : ""));
}
