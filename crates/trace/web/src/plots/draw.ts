// Lines, bars and dots on a plot. However many values there are, what is drawn is bounded by pixels.

import type { Bars, Steps } from "../model";
import { firstAtLeast, lastAtMost } from "../search";

/** The part of a canvas that a plot may draw on, in device pixels, with the scales of its axes. */
export interface Area {
  context: CanvasRenderingContext2D;
  /** Device pixels for one CSS pixel. */
  ratio: number;
  left: number;
  top: number;
  width: number;
  height: number;
  from: number;
  to: number;
  x: (time: number) => number;
  y: (value: number) => number;
  y2: (value: number) => number;
}

/** Which values of a sorted column lie in the visible time, as [first, behind the last). */
export function visible(area: Pick<Area, "from" | "to">, at: Float64Array): [number, number] {
  return [firstAtLeast(at, area.from), lastAtMost(at, area.to) + 1];
}

/** The same, with the value that holds when the visible time begins. */
export function visibleSteps(area: Pick<Area, "from" | "to">, at: Float64Array): [number, number] {
  const [first, end] = visible(area, at);
  return [Math.max(first - 1, 0), end];
}

export interface Stroke {
  colour: string;
  width: number;
  dash?: number[];
}

function begin(area: Area, stroke: Stroke): CanvasRenderingContext2D {
  const { context, ratio } = area;
  context.strokeStyle = stroke.colour;
  context.lineWidth = stroke.width * ratio;
  context.setLineDash((stroke.dash ?? []).map((part) => part * ratio));
  context.beginPath();
  return context;
}

/** A line of steps that goes on to `until`. Values below 0 are breaks. */
export function stepLine(area: Area, steps: Steps, stroke: Stroke, y = area.y, until = area.to): void {
  const context = begin(area, stroke);
  const [first, end] = visibleSteps(area, steps.at);
  let column = -1;
  let low = 0;
  let high = 0;
  let last = NaN;
  const flush = (): void => {
    if (column < 0 || Number.isNaN(last)) return;
    context.lineTo(column, low);
    if (high !== low) context.lineTo(column, high);
    context.lineTo(column, last);
  };
  for (let i = first; i < end; i++) {
    const px = Math.max(Math.round(area.x(steps.at[i])), area.left);
    const value = steps.value[i];
    const py = value < 0 ? NaN : Math.round(y(value)) + 0.5;
    if (px !== column || Number.isNaN(py) || Number.isNaN(last)) {
      flush();
      if (Number.isNaN(last)) context.moveTo(px, py);
      else context.lineTo(px, last);
      column = px;
      low = high = py;
    }
    low = Math.min(low, py);
    high = Math.max(high, py);
    last = py;
  }
  flush();
  if (!Number.isNaN(last)) context.lineTo(Math.max(area.x(Math.min(until, area.to)), column), last);
  context.stroke();
}

/** Upright bars. Those of one pixel column that touch become one; none is shorter than `least`. */
export function upright(area: Area, bars: Bars, indices: Iterable<number>, stroke: Stroke, least = 1): void {
  const context = begin(area, stroke);
  const shortest = least * area.ratio;
  let column = -1;
  let low = 0;
  let high = 0;
  const flush = (): void => {
    if (column < 0) return;
    const missing = Math.max(shortest - (low - high), 0) / 2;
    context.moveTo(column, low + missing);
    context.lineTo(column, high - missing);
  };
  for (const i of indices) {
    const px = Math.round(area.x(bars.at[i])) + 0.5;
    const bottom = area.y(bars.from[i]);
    const top = area.y(bars.to[i]);
    if (px === column && bottom >= high - 1 && top <= low + 1) {
      low = Math.max(low, bottom);
      high = Math.min(high, top);
      continue;
    }
    flush();
    column = px;
    low = bottom;
    high = top;
  }
  flush();
  context.stroke();
}

/** Whole numbers from..to. */
export function* span(from: number, to: number): Generator<number> {
  for (let i = from; i < to; i++) yield i;
}

/** Dots; those of one pixel are one. */
export function dots(area: Area, at: Float64Array, value: Float64Array, colour: string, radius: number): void {
  const { context, ratio } = area;
  context.fillStyle = colour;
  const [first, end] = visible(area, at);
  const size = 2 * radius * ratio;
  const isDense = end - first > area.width / 2;
  let lastKey = -1;
  context.beginPath();
  for (let i = first; i < end; i++) {
    const px = area.x(at[i]);
    const py = area.y(value[i]);
    const key = Math.round(px) * 65536 + Math.round(py);
    if (key === lastKey) continue;
    lastKey = key;
    if (isDense) {
      context.rect(px - size / 2, py - size / 2, size, size);
    } else {
      context.moveTo(px + size / 2, py);
      context.arc(px, py, size / 2, 0, 2 * Math.PI);
    }
  }
  context.fill();
}

/** A line through points; below 0 it breaks. Per pixel column its least and its greatest are drawn. */
export function line(area: Area, at: Float64Array, value: Float64Array, stroke: Stroke): void {
  const context = begin(area, stroke);
  const [first, end] = visible(area, at);
  let column = -1;
  let low = 0;
  let high = 0;
  let isOpen = false;
  const flush = (): void => {
    if (column < 0) return;
    if (isOpen) context.lineTo(column, low);
    else context.moveTo(column, low);
    isOpen = true;
    if (high !== low) context.lineTo(column, high);
  };
  for (let i = Math.max(first - 1, 0); i < Math.min(end + 1, at.length); i++) {
    if (value[i] <= 0) continue;
    const px = Math.round(area.x(at[i]));
    const py = area.y(value[i]);
    if (px !== column) {
      flush();
      column = px;
      low = high = py;
    }
    low = Math.min(low, py);
    high = Math.max(high, py);
  }
  flush();
  context.stroke();
}

/** A cross whose middle is at x, y. */
export function cross(area: Area, x: number, y: number, colour: string): void {
  const context = begin(area, { colour, width: 1.5 });
  const arm = 3.5 * area.ratio;
  context.moveTo(x - arm, y - arm);
  context.lineTo(x + arm, y + arm);
  context.moveTo(x - arm, y + arm);
  context.lineTo(x + arm, y - arm);
  context.stroke();
}

export function ring(area: Area, x: number, y: number, colour: string, radius = 5): void {
  const context = begin(area, { colour, width: 1.25 });
  context.arc(x, y, radius * area.ratio, 0, 2 * Math.PI);
  context.stroke();
}

/** A short text beside a point, kept inside of the area. */
export function label(area: Area, x: number, y: number, text: string, colour: string): void {
  const { context, ratio } = area;
  context.font = `600 ${10 * ratio}px system-ui, sans-serif`;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillStyle = colour;
  const width = context.measureText(text).width;
  const isRight = x + width + 6 * ratio > area.left + area.width;
  const left = isRight ? x - width - 5 * ratio : x + 5 * ratio;
  context.fillText(text, left, Math.min(Math.max(y, area.top + 11 * ratio), area.top + area.height - 3 * ratio));
}

/** The least and the greatest of values[first..end), widened into `into`. */
export function extend(into: [number, number], values: Float64Array, first: number, end: number): void {
  for (let i = first; i < end; i++) {
    const value = values[i];
    if (value < 0) continue;
    if (value < into[0]) into[0] = value;
    if (value > into[1]) into[1] = value;
  }
}
