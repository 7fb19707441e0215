// Rates of text in bins that follow the zoom: all that was sent, and each byte counted once.

import { axis, rate, time as timeText } from "../format";
import type { Direction } from "../model";
import { firstAtLeast } from "../search";
import { theme } from "../theme";
import type { Range } from "../timeline/zoom";
import { words } from "../words";
import type { Area } from "./draw";
import type { LegendEntry, PlotSpec } from "./spec";
import { fromZero } from "./spec";

const BINS = 120;

export interface Bins {
  width: number;
  first: number;
  /** Bit/s for each bin. */
  all: Float64Array;
  fresh: Float64Array;
}

/** A width of 1, 2 or 5 times a power of ten, so that bins stand still while the plot pans. */
export function binWidth(span: number): number {
  const least = span / BINS;
  const power = 10 ** Math.floor(Math.log10(least));
  return ([1, 2, 5, 10].find((step) => step * power >= least) ?? 10) * power;
}

export function binned(direction: Direction, range: Range): Bins {
  const width = binWidth(range.to - range.from);
  // Edges are whole multiples of the width: the same bytes fall into a bin from wherever it is seen.
  const index = Math.floor(range.from / width);
  const first = index * width;
  const length = Math.ceil((range.to - first) / width) + 1;
  const all = new Float64Array(length);
  const fresh = new Float64Array(length);
  let low = firstAtLeast(direction.bars.at, first);
  for (let i = 0; i < length; i++) {
    const high = firstAtLeast(direction.bars.at, (index + i + 1) * width);
    all[i] = ((direction.sum[high] - direction.sum[low]) * 8) / width;
    fresh[i] = ((direction.sumFresh[high] - direction.sumFresh[low]) * 8) / width;
    low = high;
  }
  return { width, first, all, fresh };
}

export function ratesPlot(direction: Direction): PlotSpec {
  const text = words().plots.series;
  let bins = binned(direction, { from: 0, to: 1 });
  const value = (of: "all" | "fresh") => (moment: number) => {
    const rates = bins[of];
    return rate(rates[Math.floor((moment - bins.first) / bins.width)] ?? 0);
  };
  const all: LegendEntry = { words: text.throughput, colour: "throughput", swatch: "area", shown: true, value: value("all") };
  const fresh: LegendEntry = { words: text.goodput, colour: "goodput", swatch: "line", shown: true, value: value("fresh") };
  const width: LegendEntry = {
    words: "",
    colour: "muted",
    swatch: "line",
    value: () => words().plots.binned(timeText(bins.width)),
  };
  return {
    id: "rates",
    title: words().plots.rates,
    about: words().plots.rates,
    height: 150,
    showsTime: true,
    labels: (values) => axis(values, words().units.rate),
    legend: [all, fresh, width],
    fit: (range) => {
      bins = binned(direction, range);
      return { y: fromZero(Math.max(...(all.shown ? bins.all : []), ...(fresh.shown ? bins.fresh : []), 0)) };
    },
    draw: (area) => {
      if (all.shown) {
        trace(area, bins, bins.all);
        area.context.lineTo(area.left + area.width, area.y(0));
        area.context.lineTo(area.left, area.y(0));
        area.context.globalAlpha = 0.35;
        area.context.fillStyle = theme.colour("throughput");
        area.context.fill();
        area.context.globalAlpha = 1;
      }
      if (fresh.shown) strokeBins(area, bins, bins.fresh, theme.colour("goodput"));
    },
  };
}

export function strokeBins(area: Area, bins: Bins, rates: Float64Array, colour: string, until = Infinity): void {
  trace(area, bins, rates, until);
  area.context.strokeStyle = colour;
  area.context.setLineDash([]);
  area.context.lineWidth = 1.75 * area.ratio;
  area.context.stroke();
}

function trace(area: Area, bins: Bins, rates: Float64Array, until = Infinity): void {
  const { context } = area;
  context.beginPath();
  rates.forEach((value, i) => {
    const start = bins.first + i * bins.width;
    if (start > until) return;
    context.lineTo(area.x(start), area.y(value));
    context.lineTo(area.x(start + bins.width), area.y(value));
  });
}
