// Round trips: each sample, the smoothed one, and the retransmission timeout made of them.

import { time as timeText, timeAxis } from "../format";
import type { Detail } from "../model";
import { lastAtMost } from "../search";
import { theme } from "../theme";
import type { Side } from "../types";
import { words } from "../words";
import { dots, extend, line, stepLine, visible } from "./draw";
import type { LegendEntry, PlotSpec } from "./spec";
import { fromZero } from "./spec";

/** An RTO this much above all round trips would press them to the floor; it is not shown at first. */
const DWARFS = 3;

export function rttPlot(detail: Detail, side: Side): PlotSpec {
  const series = detail.rtt[side];
  const text = words().plots.series;
  const value = (values: Float64Array) => (moment: number) => {
    const i = lastAtMost(series.at, moment);
    return i < 0 || values[i] <= 0 ? null : timeText(values[i]);
  };
  const highest = (values: Float64Array): number => values.reduce((most, one) => Math.max(most, one), 0);
  const hasRto = highest(series.rto) > 0;
  const sample: LegendEntry = { words: text.sample, colour: "flight", swatch: "dot", shown: true, value: value(series.rtt) };
  const srtt: LegendEntry = { words: text.srtt, colour: "srtt", swatch: "line", shown: true, value: value(series.srtt) };
  const rto: LegendEntry = {
    words: text.rto,
    colour: "rto",
    swatch: "dash",
    shown: highest(series.rto) <= highest(series.rtt) * DWARFS,
    value: value(series.rto),
  };
  const shown: [LegendEntry, Float64Array][] = [[sample, series.rtt], [srtt, series.srtt], [rto, series.rto]];
  return {
    id: "rtt",
    title: words().plots.rtt,
    about: words().plots.rtt,
    height: 150,
    showsTime: false,
    labels: timeAxis,
    legend: hasRto ? [sample, srtt, rto] : [sample, srtt],
    fit: (range) => {
      const limits: [number, number] = [0, 0];
      for (const [entry, values] of shown) {
        if (entry.shown) extend(limits, values, ...visible(range, series.at));
      }
      return { y: fromZero(limits[1]) };
    },
    draw: (area) => {
      if (sample.shown) dots(area, series.at, series.rtt, theme.colour("flight"), 1.5);
      if (srtt.shown) line(area, series.at, series.srtt, { colour: theme.colour("srtt"), width: 1.75 });
      if (hasRto && rto.shown) {
        const steps = { at: series.at, value: series.rto };
        stepLine(area, steps, { colour: theme.colour("rto"), width: 1.25, dash: [5, 3] });
      }
    },
  };
}
