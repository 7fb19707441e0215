// Sequence numbers over time, as Stevens and tcptrace draw them: what one side sent as upright bars,
// what the other acknowledged and allowed as steps.

import { axis, bytes, count } from "../format";
import type { Detail, Direction } from "../model";
import { KINDS } from "../model";
import { lastAtMost, nearest } from "../search";
import type { Colour } from "../theme";
import { theme } from "../theme";
import type { Range } from "../timeline/zoom";
import { FLAGS, SIDE_NAMES } from "../types";
import { words } from "../words";
import type { Area } from "./draw";
import { cross, extend, label, ring, span, stepLine, upright, visible, visibleSteps } from "./draw";
import type { Fit, LegendEntry, PlotSpec } from "./spec";
import { padded } from "./spec";

const KIND_COLOURS: readonly Colour[] = ["a", "fast", "timeout", "probe", "other"];
/** With fewer bars than this each has its own shape; with more they are a texture. */
const DETAILED_MAX = 220;
/** How far above the data the window may stretch the scale, as a share of the data's height. */
const EDGE_SHARE = 0.35;

export function sequencePlot(detail: Detail, direction: Direction, selected: () => number | null): PlotSpec {
  const name = SIDE_NAMES[direction.sender];
  return {
    id: "sequence",
    title: words().plots.sequence,
    about: words().plots.sequenceAbout(name),
    height: 330,
    showsTime: true,
    labels: (values) => axis(values, words().units.bytes),
    legend: legend(detail, direction),
    fit: (range) => fit(direction, range),
    draw: (area) => draw(area, detail, direction, selected()),
    segmentAt: (time, value, scale) => segmentAt(direction, time, value, scale),
  };
}

export function senderColour(direction: Direction): Colour {
  return direction.sender === 0 ? "a" : "b";
}

function legend(detail: Detail, direction: Direction): LegendEntry[] {
  const text = words().plots.series;
  const steps = (at: Float64Array, value: Float64Array) => (time: number) => {
    const i = lastAtMost(at, time);
    return i < 0 ? null : count(value[i]);
  };
  const entries: LegendEntry[] = [
    { words: text.segment, colour: senderColour(direction), swatch: "bar" },
    { words: text.ack, colour: "ack", swatch: "line", value: steps(direction.ack.at, direction.ack.value) },
    { words: text.edge, colour: "window", swatch: "line" },
  ];
  const kinds = new Set(Array.from(direction.again, (k) => direction.kind[k]));
  for (let kind = 1; kind < KINDS.length; kind++) {
    if (!kinds.has(kind)) continue;
    const key = KINDS[kind] as "fast" | "timeout" | "probe" | "other";
    entries.push({ words: text[key], colour: KIND_COLOURS[kind], swatch: "bar" });
  }
  const spurious = detail.bit("spurious");
  if (direction.again.some((k) => detail.marks[direction.segment[k]] & spurious)) {
    entries.push({ words: text.spurious, colour: "ink", swatch: "ring" });
  }
  if (direction.sacks.at.length > 0) entries.push({ words: text.sack, colour: "sack", swatch: "bar" });
  if (direction.duplicateSacks.at.length > 0) entries.push({ words: text.dsack, colour: "drop", swatch: "bar" });
  if (direction.drops.at.length > 0) entries.push({ words: text.drop, colour: "drop", swatch: "cross" });
  if (direction.zeroWindows.length > 0) entries.push({ words: text.zero, colour: "timeout", swatch: "dot" });
  return entries;
}

function fit(direction: Direction, range: Range): Fit {
  const limits: [number, number] = [Infinity, -Infinity];
  const [first, end] = visible(range, direction.bars.at);
  extend(limits, direction.bars.from, first, end);
  extend(limits, direction.bars.to, first, end);
  const [ackFirst, ackEnd] = visibleSteps(range, direction.ack.at);
  extend(limits, direction.ack.value, ackFirst, ackEnd);
  const edge: [number, number] = [Infinity, -Infinity];
  extend(edge, direction.edge.value, ackFirst, ackEnd);
  const height = limits[1] - limits[0];
  if (height > 0 && edge[1] > limits[1]) limits[1] = Math.min(edge[1], limits[1] + height * EDGE_SHARE);
  return { y: padded(limits, 0.04) };
}

function draw(area: Area, detail: Detail, direction: Direction, selected: number | null): void {
  const { bars } = direction;
  const [first, end] = visible(area, bars.at);
  const width = end - first < DETAILED_MAX ? 2 : 1.25;
  stepLine(area, direction.edge, { colour: theme.colour("window"), width: 1.25 });
  stepLine(area, direction.ack, { colour: theme.colour("ack"), width: 1.25 });
  const sacks = direction.sacks;
  area.context.globalAlpha = 0.7;
  upright(area, sacks, span(...visible(area, sacks.at)), { colour: theme.colour("sack"), width: 1 }, 2);
  area.context.globalAlpha = 1;
  const twice = direction.duplicateSacks;
  upright(area, twice, span(...visible(area, twice.at)), { colour: theme.colour("drop"), width: 2 }, 4);
  upright(area, bars, span(first, end), { colour: theme.colour(senderColour(direction)), width }, 1);
  drawAgain(area, detail, direction, [first, end]);
  drawMarks(area, detail, direction);
  drawSelected(area, direction, selected);
}

function drawAgain(area: Area, detail: Detail, direction: Direction, [first, end]: [number, number]): void {
  const { again, kind, bars, segment } = direction;
  const from = lastAtMost(again, first - 1) + 1;
  const to = lastAtMost(again, end - 1) + 1;
  const shown = again.subarray(from, to);
  const isDetailed = shown.length < DETAILED_MAX;
  for (let k = 1; k < KINDS.length; k++) {
    const colour = theme.colour(KIND_COLOURS[k]);
    upright(area, bars, shown.filter((i) => kind[i] === k), { colour, width: isDetailed ? 3 : 1.5 }, 6);
  }
  if (!isDetailed) return;
  const spurious = detail.bit("spurious");
  for (const i of shown) {
    if (!(detail.marks[segment[i]] & spurious)) continue;
    ring(area, area.x(bars.at[i]), area.y((bars.from[i] + bars.to[i]) / 2), theme.colour("ink"), 6);
  }
}

function drawMarks(area: Area, detail: Detail, direction: Direction): void {
  const { drops, bars, segment, resets, zeroWindows } = direction;
  const middle = (from: number, to: number): number => area.y((from + to) / 2);
  const [dropFirst, dropEnd] = visible(area, drops.at);
  // Thousands of crosses would be a stain: of those that fall on one place the first is drawn.
  let lastX = -Infinity;
  for (let i = dropFirst; i < dropEnd; i++) {
    const x = area.x(drops.at[i]);
    if (dropEnd - dropFirst > DETAILED_MAX && x - lastX < 3) continue;
    lastX = x;
    cross(area, x, middle(drops.from[i], drops.to[i]), theme.colour("drop"));
  }
  const context = area.context;
  context.fillStyle = theme.colour("timeout");
  for (const i of zeroWindows) {
    const x = area.x(detail.at[i]);
    if (x < area.left || x > area.left + area.width) continue;
    const r = 3.5 * area.ratio;
    context.fillRect(x - r, area.y(detail.ack[i]) - r, 2 * r, 2 * r);
  }
  const named = (i: number, x: number, y: number): void => {
    const flags = detail.flags[i];
    const text = flags & FLAGS.RST ? "RST" : flags & FLAGS.SYN ? "SYN" : "FIN";
    label(area, x, y - 4 * area.ratio, text, theme.colour(flags & FLAGS.RST ? "timeout" : "ink"));
  };
  const [first, end] = visible(area, bars.at);
  for (let k = first, shown = 0; k < end && shown < DETAILED_MAX; k++) {
    if (!(detail.flags[segment[k]] & (FLAGS.SYN | FLAGS.FIN))) continue;
    named(segment[k], area.x(bars.at[k]), area.y(bars.to[k]));
    shown++;
  }
  for (const i of resets.subarray(0, DETAILED_MAX)) {
    if (detail.at[i] < area.from || detail.at[i] > area.to) continue;
    cross(area, area.x(detail.at[i]), area.y(detail.seq[i]), theme.colour("timeout"));
    named(i, area.x(detail.at[i]), area.y(detail.seq[i]));
  }
}

function drawSelected(area: Area, direction: Direction, selected: number | null): void {
  if (selected === null) return;
  const k = nearest(direction.segment, selected);
  if (k < 0 || direction.segment[k] !== selected) return;
  const { bars } = direction;
  const [x, y] = [area.x(bars.at[k]), area.y((bars.from[k] + bars.to[k]) / 2)];
  ring(area, x, y, theme.colour("accent"), 8);
  const height = bytes(bars.to[k] - bars.from[k]);
  label(area, x + 8 * area.ratio, y + 4 * area.ratio, height, theme.colour("accent"));
}

/** How far from a bar a click may be, in CSS pixels. */
const CLICK_MAX = 24;

function segmentAt(direction: Direction, time: number, value: number, scale: { x: number; y: number }): number | null {
  const { bars, segment } = direction;
  const [first, end] = visible({ from: time - CLICK_MAX / scale.x, to: time + CLICK_MAX / scale.x }, bars.at);
  let best = CLICK_MAX;
  let found: number | null = null;
  for (let k = first; k < end; k++) {
    const above = Math.max(bars.from[k] - value, value - bars.to[k], 0) * scale.y;
    const distance = Math.hypot((bars.at[k] - time) * scale.x, above);
    if (distance < best) {
      best = distance;
      found = segment[k];
    }
  }
  return found;
}
