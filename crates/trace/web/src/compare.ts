// Two runs beside each other: their figures, their findings, and one connection of each laid over
// that of the other.

import { h } from "./dom";
import { axis, bytes, count, percent, rate, time } from "./format";
import type { Detail, Direction } from "./model";
import { loadDetail, mainDirection } from "./model";
import { endName } from "./names";
import { bothCounts, roundTrip } from "./overview";
import { extend, span, stepLine, upright, visible } from "./plots/draw";
import type { Links } from "./plots/frame";
import { Frame } from "./plots/frame";
import { binned, strokeBins } from "./plots/rates";
import type { Bins } from "./plots/rates";
import type { LegendEntry, PlotSpec } from "./plots/spec";
import { fromZero, padded } from "./plots/spec";
import { lastAtMost } from "./search";
import { Signal } from "./signal";
import type { Colour } from "./theme";
import { theme } from "./theme";
import { Zoom } from "./timeline/zoom";
import type { Conn, Report, Run } from "./types";
import { words } from "./words";

const NAMES = ["A", "B"] as const;
const COLOURS: readonly Colour[] = ["a", "b"];

interface Figure {
  name: string;
  values: [number | null, number | null];
  show: (value: number) => string;
  /** Whether more is better; null where neither is. */
  isMoreBetter: boolean | null;
}

export class Compare {
  readonly element: HTMLElement;
  private readonly plots = h("div", { class: "plots panel" });
  private readonly chosen: [number, number];
  private frames: Frame[] = [];
  private turn = 0;
  zoom: Zoom | null = null;

  constructor(
    private readonly report: Report,
    open: (run: number) => void,
  ) {
    const [a, b] = report.runs;
    this.chosen = [largest(a), largest(b)];
    this.element = h(
      "main",
      { class: "compare" },
      h("section", {}, h("h2", {}, words().compare.figures), figuresTable(a, b, open)),
      h("section", {}, h("h2", {}, words().findings.title), h("div", { class: "two" }, findingsOf(a, 0), findingsOf(b, 1))),
      h("section", {}, h("h2", {}, words().compare.pair), h("div", { class: "pair" }, this.chooser(0), this.chooser(1), h("span", { class: "muted small" }, words().compare.overlay)), this.plots),
    );
  }

  async start(): Promise<void> {
    const turn = ++this.turn;
    const details = await Promise.all(this.report.runs.map((run, i) => this.load(run, i)));
    // Another pair may have been chosen meanwhile.
    if (turn !== this.turn) return;
    this.destroy();
    const shown = details.map((detail, i) => (detail ? detail.directions[mainDirection(this.conn(i))] : null));
    const most = Math.max(...details.map((detail) => detail?.seconds ?? 0));
    if (most === 0) {
      this.plots.replaceChildren(h("p", { class: "muted" }, words().connection.noDetail));
      return;
    }
    const zoom = new Zoom(most);
    this.zoom = zoom;
    const links: Links = { zoom, hover: new Signal<number | null>(null), selectedAt: () => null, pick: () => undefined };
    this.frames = [sequenceOverlay(shown), ratesOverlay(shown)].map((spec) => new Frame(spec, links, 14));
    this.plots.replaceChildren(...this.frames.map((frame) => frame.element));
  }

  destroy(): void {
    for (const frame of this.frames) frame.destroy();
    this.frames = [];
  }

  private conn(i: number): Conn {
    return this.report.runs[i].connections[this.chosen[i]];
  }

  private load(run: Run, i: number): Promise<Detail | null> {
    const conn = run.connections[this.chosen[i]];
    return conn ? loadDetail(this.report, conn).catch(() => null) : Promise.resolve(null);
  }

  private chooser(i: 0 | 1): HTMLElement {
    const run = this.report.runs[i];
    const options = run.connections.map((conn, k) =>
      h("option", { value: k, selected: k === this.chosen[i] }, `${k + 1}: ${endName(run, conn.a)} → ${endName(run, conn.b)}`),
    );
    return h(
      "label",
      {},
      h("b", { class: `badge side-${i === 0 ? "a" : "b"}` }, NAMES[i]),
      h(
        "select",
        {
          change: (event: Event) => {
            this.chosen[i] = Number((event.target as HTMLSelectElement).value);
            void this.start();
          },
        },
        ...options,
      ),
    );
  }
}

function largest(run: Run): number {
  const size = (conn: Conn): number => (conn.detail === null ? -1 : conn.a_sent.bytes + conn.b_sent.bytes);
  return run.connections.reduce((best, conn, i) => (size(conn) > size(run.connections[best]) ? i : best), 0);
}

function total(run: Run, of: (conn: Conn) => number): number {
  return run.connections.reduce((sum, conn) => sum + of(conn), 0);
}

function figuresOf(a: Run, b: Run): Figure[] {
  const names = words().compare.rows;
  const both = (of: (run: Run) => number | null): [number | null, number | null] => [of(a), of(b)];
  const best = (of: (conn: Conn) => number | null) => (run: Run) => {
    const conn = run.connections[largest(run)];
    return conn ? of(conn) : null;
  };
  const again = (run: Run): number => total(run, (conn) => conn.a_sent.retransmissions + conn.b_sent.retransmissions);
  const texts = (run: Run): number => total(run, (conn) => conn.a_sent.text_segments + conn.b_sent.text_segments);
  const span = (run: Run): number => Math.max(...run.connections.map((conn) => conn.began + conn.seconds), 0);
  const goodput = (conn: Conn): number => Math.max(conn.a_sent.goodput ?? 0, conn.b_sent.goodput ?? 0);
  return [
    { name: names.connections, values: both((run) => run.connections.length), show: count, isMoreBetter: null },
    { name: names.frames, values: both((run) => run.frames), show: count, isMoreBetter: null },
    { name: names.bytes, values: both((run) => total(run, (conn) => conn.a_sent.unique_bytes + conn.b_sent.unique_bytes)), show: bytes, isMoreBetter: null },
    { name: names.time, values: both(span), show: time, isMoreBetter: false },
    { name: names.goodput, values: both(best(goodput)), show: rate, isMoreBetter: true },
    { name: names.rtt, values: both(best(roundTrip)), show: time, isMoreBetter: false },
    { name: names.again, values: both(again), show: count, isMoreBetter: false },
    { name: names.share, values: both((run) => (texts(run) === 0 ? null : again(run) / texts(run))), show: percent, isMoreBetter: false },
    { name: names.zero, values: both((run) => total(run, (conn) => bothCounts(conn, "zero-window"))), show: count, isMoreBetter: false },
    { name: names.resets, values: both((run) => total(run, (conn) => conn.a_sent.resets + conn.b_sent.resets)), show: count, isMoreBetter: false },
    { name: names.findings, values: both((run) => run.findings.length), show: count, isMoreBetter: false },
    { name: names.cost, values: both((run) => run.findings.reduce((sum, one) => sum + (one.cost ?? 0), 0)), show: time, isMoreBetter: false },
  ];
}

function figuresTable(a: Run, b: Run, open: (run: number) => void): HTMLElement {
  const text = words().compare;
  const head = (run: Run, i: 0 | 1): HTMLElement =>
    h(
      "th",
      { scope: "col" },
      h("b", { class: `badge side-${i === 0 ? "a" : "b"}` }, NAMES[i]),
      h("button", { type: "button", class: "link", title: text.open(run.name), click: () => open(i) }, run.name),
    );
  const rows = figuresOf(a, b).map((figure) => {
    const [one, two] = figure.values;
    const cell = (value: number | null): HTMLElement => h("td", {}, value === null ? "–" : figure.show(value));
    return h("tr", {}, h("th", { scope: "row" }, figure.name), cell(one), cell(two), difference(figure));
  });
  return h(
    "div",
    { class: "panel table-scroll" },
    h("table", { class: "figures" }, h("thead", {}, h("tr", {}, h("td", {}), head(a, 0), head(b, 1), h("th", { scope: "col" }, text.difference))), h("tbody", {}, ...rows)),
  );
}

function difference({ values: [a, b], show, isMoreBetter }: Figure): HTMLElement {
  if (a === null || b === null) return h("td", { class: "muted" }, "–");
  if (a === b) return h("td", { class: "muted" }, words().compare.same);
  const by = b - a;
  const sign = by > 0 ? "+" : "−";
  const share = a === 0 ? "" : ` (${sign}${percent(Math.abs(by / a))})`;
  const isBetter = isMoreBetter === null ? null : by > 0 === isMoreBetter;
  const arrow = isBetter === null ? "" : isBetter ? " ✓" : " ✗";
  const word = isBetter === null ? null : isBetter ? "better" : "worse";
  return h("td", { class: word, title: word && words().compare[word] }, `${sign}${show(Math.abs(by))}${share}`, arrow);
}

function findingsOf(run: Run, i: 0 | 1): HTMLElement {
  const items = run.findings.map((finding) =>
    h("li", {}, h("span", {}, h("b", {}, finding.title), " ", h("span", { class: "muted" }, finding.text)), finding.cost ? h("span", { class: "cost" }, words().findings.cost(time(finding.cost))) : null),
  );
  return h(
    "div",
    { class: "panel finding-list" },
    h("h3", {}, h("b", { class: `badge side-${i === 0 ? "a" : "b"}` }, NAMES[i]), run.name),
    items.length === 0 ? h("p", { class: "muted" }, words().findings.none) : h("ol", {}, ...items),
  );
}

type Pair = (Direction | null)[];

function runEntries(value: (direction: Direction, i: number) => (moment: number) => string | null, pair: Pair): LegendEntry[] {
  return pair.map((direction, i) => ({
    words: NAMES[i],
    colour: COLOURS[i],
    swatch: "line",
    shown: true,
    value: (moment) => (direction ? value(direction, i)(moment) : null),
  }));
}

function sequenceOverlay(pair: Pair): PlotSpec {
  const legend = runEntries(({ ack }) => (moment) => {
    const i = lastAtMost(ack.at, moment);
    return i < 0 ? null : bytes(ack.value[i]);
  }, pair);
  const each = (use: (direction: Direction, colour: string) => void): void =>
    pair.forEach((direction, i) => {
      if (direction && legend[i].shown) use(direction, theme.colour(COLOURS[i]));
    });
  return {
    id: "sequence-overlay",
    title: words().plots.sequence,
    about: words().compare.overlay,
    height: 360,
    showsTime: true,
    labels: (values) => axis(values, words().units.bytes),
    legend,
    fit: (range) => {
      const limits: [number, number] = [Infinity, -Infinity];
      each(({ bars }) => {
        const [first, end] = visible(range, bars.at);
        extend(limits, bars.from, first, end);
        extend(limits, bars.to, first, end);
      });
      return { y: padded(limits, 0.04) };
    },
    draw: (area) =>
      each(({ bars, ack, again }, colour) => {
        area.context.globalAlpha = 0.65;
        stepLine(area, ack, { colour, width: 1 }, area.y, ack.at[ack.at.length - 1]);
        area.context.globalAlpha = 1;
        upright(area, bars, span(...visible(area, bars.at)), { colour, width: 1.5 });
        const seen = again.filter((k) => bars.at[k] >= area.from && bars.at[k] <= area.to);
        upright(area, bars, seen, { colour: theme.colour("timeout"), width: 2 }, 6);
      }),
  };
}

function ratesOverlay(pair: Pair): PlotSpec {
  let bins: (Bins | null)[] = [];
  const legend = runEntries((_, i) => (moment) => {
    const one = bins[i];
    return one ? rate(one.fresh[Math.floor((moment - one.first) / one.width)] ?? 0) : null;
  }, pair);
  return {
    id: "rates-overlay",
    title: words().plots.rates,
    about: words().compare.overlay,
    height: 200,
    showsTime: true,
    labels: (values) => axis(values, words().units.rate),
    legend,
    fit: (range) => {
      bins = pair.map((direction) => (direction ? binned(direction, range) : null));
      return { y: fromZero(Math.max(0, ...bins.flatMap((one, i) => (one && legend[i].shown ? [...one.fresh] : [])))) };
    },
    draw: (area) =>
      bins.forEach((one, i) => {
        if (one && legend[i].shown) strokeBins(area, one, one.fresh, theme.colour(COLOURS[i]), pair[i]?.bars.at.at(-1));
      }),
  };
}
