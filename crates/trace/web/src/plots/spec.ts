// What a plot tells its frame: what to draw, how to label, what a legend shows.

import type { Colour } from "../theme";
import type { Range } from "../timeline/zoom";
import type { Area } from "./draw";

export type Swatch = "line" | "dash" | "bar" | "dot" | "area" | "cross" | "ring";

export interface LegendEntry {
  words: string;
  colour: Colour;
  swatch: Swatch;
  /** Whether it is drawn; without it the entry cannot be switched. */
  shown?: boolean;
  /** What the series says at a moment. */
  value?: (time: number) => string | null;
}

export interface Fit {
  y: [number, number];
  y2?: [number, number];
}

export interface PlotSpec {
  id: string;
  title: string;
  about: string;
  /** Height of the plot in CSS pixels. */
  height: number;
  /** Whether the time axis has its numbers. */
  showsTime: boolean;
  labels: (values: number[]) => string[];
  labels2?: (values: number[]) => string[];
  /** Fixed places of the labels, for axes that are no numbers. */
  splits?: number[];
  legend: LegendEntry[];
  fit: (range: Range) => Fit;
  draw: (area: Area) => void;
  /** The segment nearest to a point; only of plots whose points are segments. */
  segmentAt?: (time: number, value: number, scale: { x: number; y: number }) => number | null;
}

/** Room above and below what is fitted. */
export function padded([low, high]: [number, number], air = 0.05): [number, number] {
  if (!(high >= low)) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * air;
  return [low - room, high + room];
}

/** From 0 to a little above `high`. */
export function fromZero(high: number): [number, number] {
  return high > 0 ? [0, high * 1.08] : [0, 1];
}
