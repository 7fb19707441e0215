// Windows and what is in flight: what may be sent, by the receiver and by congestion control, and
// what is.

import { axis, bytes, rate } from "../format";
import type { Detail, Direction, Steps } from "../model";
import { lastAtMost } from "../search";
import type { Colour } from "../theme";
import { theme } from "../theme";
import { words } from "../words";
import { extend, stepLine, visibleSteps } from "./draw";
import type { LegendEntry, PlotSpec } from "./spec";
import { fromZero } from "./spec";

/** A series that is this much higher than what is in flight hides it, and is not shown at first. */
const DWARFS = 3;

interface Series {
  steps: Steps;
  entry: LegendEntry;
  width: number;
  dash?: number[];
}

function series(steps: Steps, text: string, colour: Colour, width: number, dash?: number[]): Series {
  const value = (time: number): string | null => {
    const i = lastAtMost(steps.at, time);
    return i < 0 || steps.value[i] < 0 ? null : bytes(steps.value[i]);
  };
  const entry: LegendEntry = { words: text, colour, swatch: dash ? "dash" : "line", shown: true, value };
  return { steps, entry, width, ...(dash ? { dash } : {}) };
}

function highest(steps: Steps): number {
  const limits: [number, number] = [Infinity, 0];
  extend(limits, steps.value, 0, steps.value.length);
  return limits[1];
}

export function windowsPlot(detail: Detail, direction: Direction): PlotSpec {
  const text = words().plots.series;
  const { told } = detail;
  const isTold = told.side === direction.sender && told.at.length > 0;
  const flight = series(direction.flight, text.flight, "flight", 1.25);
  const all = [flight];
  if (isTold) {
    all.push(series({ at: told.at, value: told.ssthresh }, text.ssthresh, "ssthresh", 1.25, [5, 3]));
    all.push(series({ at: told.at, value: told.cwnd }, text.cwnd, "cwnd", 1.75));
  }
  all.push(series(direction.window, text.window, "window", 1.25));
  const usual = Math.max(highest(flight.steps), isTold ? highest({ at: told.at, value: told.cwnd }) : 0);
  for (const one of all) one.entry.shown = usual === 0 || highest(one.steps) <= usual * DWARFS;
  const pacing = isTold && told.pacing.some((value) => value > 0) ? pacingOf(detail) : null;
  return {
    id: "windows",
    title: words().plots.windows,
    about: words().plots.windows,
    height: 170,
    showsTime: false,
    labels: (values) => axis(values, words().units.bytes),
    ...(pacing ? { labels2: (values: number[]) => axis(values, words().units.rate, 8) } : {}),
    legend: [...all.map((one) => one.entry).reverse(), ...(pacing ? [pacing.entry] : [])],
    fit: (range) => {
      const limits: [number, number] = [0, 0];
      for (const { steps, entry } of all) {
        if (entry.shown) extend(limits, steps.value, ...visibleSteps(range, steps.at));
      }
      const second: [number, number] = [0, 0];
      if (pacing) extend(second, pacing.steps.value, ...visibleSteps(range, pacing.steps.at));
      return { y: fromZero(limits[1]), ...(pacing ? { y2: fromZero(second[1]) } : {}) };
    },
    draw: (area) => {
      if (pacing?.entry.shown) {
        stepLine(area, pacing.steps, { colour: theme.colour("pacing"), width: 1, dash: [2, 3] }, area.y2);
      }
      for (const { steps, entry, width, dash } of all) {
        if (entry.shown) stepLine(area, steps, { colour: theme.colour(entry.colour), width, ...(dash ? { dash } : {}) });
      }
    },
  };
}

function pacingOf(detail: Detail): Series {
  const steps = { at: detail.told.at, value: detail.told.pacing };
  const pacing = series(steps, words().plots.series.pacing, "pacing", 1, [2, 3]);
  pacing.entry.value = (time) => {
    const i = lastAtMost(steps.at, time);
    return i < 0 ? null : rate(steps.value[i] * 8);
  };
  return pacing;
}
