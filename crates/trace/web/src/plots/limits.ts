// A band for each side: what kept it from sending more, moment for moment.

import type { Detail } from "../model";
import { lastAtMost } from "../search";
import type { Colour } from "../theme";
import { theme } from "../theme";
import type { Report, Side } from "../types";
import { SIDES, SIDE_NAMES } from "../types";
import { words } from "../words";
import type { Area } from "./draw";
import { visibleSteps } from "./draw";
import type { LegendEntry, PlotSpec } from "./spec";

const COLOURS = 10;

function colourOf(limit: number): Colour {
  return `limit-${limit % COLOURS}` as Colour;
}

/** The plot, or null when nothing is known of what limits either side. */
export function limitsPlot(report: Report, detail: Detail): PlotSpec | null {
  const shown = SIDES.filter((side) => detail.limit[side].at.length > 0);
  if (shown.length === 0) return null;
  const used = new Set(shown.flatMap((side) => Array.from(detail.limit[side].value)));
  const legend: LegendEntry[] = report.limits.flatMap((limit, i) =>
    used.has(i) ? [{ words: limit.words, colour: colourOf(i), swatch: "area" as const }] : [],
  );
  for (const side of shown) legend.push(now(report, detail, side));
  return {
    id: "limits",
    title: words().plots.limits,
    about: words().plots.limits,
    height: 22 + 22 * shown.length,
    showsTime: false,
    splits: shown.map((_, i) => shown.length - i - 0.5),
    labels: () => shown.map((side) => SIDE_NAMES[side]),
    legend,
    fit: () => ({ y: [0, shown.length] }),
    draw: (area) => shown.forEach((side, row) => drawBand(area, detail, side, shown.length - row)),
  };
}

function now(report: Report, detail: Detail, side: Side): LegendEntry {
  const steps = detail.limit[side];
  return {
    words: "",
    colour: side === 0 ? "a" : "b",
    swatch: "line",
    value: (time) => {
      const i = lastAtMost(steps.at, time);
      const limit = i < 0 ? undefined : report.limits[steps.value[i]];
      return `${SIDE_NAMES[side]}: ${limit?.words ?? words().plots.noLimit}`;
    },
  };
}

function drawBand(area: Area, detail: Detail, side: Side, top: number): void {
  const { at, value } = detail.limit[side];
  const [first, end] = visibleSteps(area, at);
  const y = area.y(top - 0.12);
  const height = area.y(top - 0.88) - y;
  for (let i = first; i < end; i++) {
    if (value[i] < 0) continue;
    const from = Math.max(area.x(at[i]), area.left);
    const to = Math.min(area.x(i + 1 < at.length ? at[i + 1] : detail.seconds), area.left + area.width);
    area.context.fillStyle = theme.colour(colourOf(value[i]));
    area.context.fillRect(from, y, Math.max(to - from, 0.5), height);
  }
}
