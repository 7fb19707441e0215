// The table of all connections of a run: sortable, filterable; a row opens its connection.

import { h } from "./dom";
import { bytes, count, moment, rate, time } from "./format";
import { endName, searchText } from "./names";
import type { Conn, Run, Sent } from "./types";
import type { Words } from "./words";
import { words } from "./words";

/** From so many connections on there is a box to filter them. */
const FILTER_FROM = 20;
/** So many rows are made at first, and again whenever the reader comes near their end. */
const ROWS_STEP = 60;

type Key = keyof Words["overview"]["columns"];

interface Column {
  key: Key;
  tip?: string;
  isText?: boolean;
  sort: (conn: Conn, index: number) => number | string;
  cell: (conn: Conn, index: number) => HTMLElement | string;
}

export function countOf(sent: Sent, mark: string): number {
  return sent.counts[mark.replaceAll("-", "_")] ?? 0;
}

export function bothCounts(conn: Conn, mark: string): number {
  return countOf(conn.a_sent, mark) + countOf(conn.b_sent, mark);
}

/** The median round trip of the side with more bytes, or what comes near. */
export function roundTrip(conn: Conn): number | null {
  const [main, other] = conn.b_sent.bytes > conn.a_sent.bytes ? [conn.b_sent, conn.a_sent] : [conn.a_sent, conn.b_sent];
  return main.rtt.median ?? main.rtt_by_timestamps.median ?? other.rtt.median ?? conn.initial_rtt;
}

export class Overview {
  readonly element: HTMLElement;
  private readonly body = h("tbody", { keydown: (event: KeyboardEvent) => this.key(event) });
  private readonly shown = h("span", { class: "muted" });
  private readonly rows = new Map<number, HTMLTableRowElement>();
  private readonly scroller: HTMLElement;
  private readonly columns: Column[];
  private readonly heads: HTMLElement[] = [];
  private order: number[];
  private sortedBy: { key: Key; isDown: boolean } = { key: "number", isDown: false };
  private selected = -1;
  private sought = "";

  constructor(
    private readonly run: Run,
    private readonly open: (connection: number) => void,
  ) {
    this.columns = columnsOf(run);
    this.order = run.connections.map((_, i) => i);
    const text = words().overview;
    const table = h("table", {}, h("thead", {}, h("tr", {}, ...this.columns.map((column) => this.heading(column)))), this.body);
    this.scroller = h("div", { class: "table-scroll panel", scroll: () => this.scrolled() }, table);
    this.element = h(
      "section",
      { class: "overview", id: "overview", "aria-label": text.title },
      h("div", { class: "section-head" }, h("h2", {}, text.title, h("span", { class: "count" }, count(run.connections.length))), this.filter(), this.shown),
      this.scroller,
      run.connections.length > 1 ? h("p", { class: "muted small no-print" }, text.hint) : null,
    );
    this.arrange();
  }

  mark(connection: number): void {
    const before = this.rows.get(this.selected);
    before?.removeAttribute("aria-selected");
    if (before) before.tabIndex = -1;
    this.selected = connection;
    const place = this.order.indexOf(connection);
    if (place < 0) return;
    this.showUpTo(place);
    const row = this.row(connection);
    row.setAttribute("aria-selected", "true");
    row.tabIndex = 0;
    // After the page is laid out anyway: to ask for places before would lay it out twice.
    requestAnimationFrame(() => bringIntoTable(row));
  }

  /** The connection before or behind `connection` as they are shown. */
  neighbour(connection: number, by: number): number | null {
    return this.order[this.order.indexOf(connection) + by] ?? null;
  }

  private filter(): HTMLElement | null {
    if (this.run.connections.length <= FILTER_FROM) return null;
    const text = words().overview.filter;
    return h("input", {
      type: "search",
      class: "filter no-print",
      placeholder: text,
      "aria-label": text,
      input: (event: Event) => {
        this.sought = (event.target as HTMLInputElement).value.trim().toLowerCase();
        this.arrange();
      },
    });
  }

  private heading(column: Column): HTMLElement {
    const label = words().overview.columns[column.key];
    const button = h("button", { type: "button", click: () => this.sort(column.key) }, label);
    const head = h("th", { scope: "col", title: column.tip, class: column.isText ? "text" : null, "data-key": column.key }, button);
    this.heads.push(head);
    return head;
  }

  private row(index: number): HTMLTableRowElement {
    const known = this.rows.get(index);
    if (known) return known;
    const conn = this.run.connections[index];
    const cells = this.columns.map((column) => h("td", { class: column.isText ? "text" : null, "data-key": column.key }, column.cell(conn, index)));
    const attributes = { tabindex: -1, "data-connection": index, click: () => this.open(index) };
    const row = h("tr", { ...attributes, "aria-selected": index === this.selected ? "true" : null }, ...cells);
    this.rows.set(index, row);
    return row;
  }

  private sort(key: Key): void {
    const column = this.columns.find((one) => one.key === key);
    const isAgain = this.sortedBy.key === key;
    // Of figures the largest are sought first, of texts and numbers the first.
    const isDownAtFirst = !column?.isText && key !== "number" && key !== "start";
    this.sortedBy = { key, isDown: isAgain ? !this.sortedBy.isDown : isDownAtFirst };
    this.arrange();
  }

  private arrange(): void {
    const { key, isDown } = this.sortedBy;
    const column = this.columns.find((one) => one.key === key) ?? this.columns[0];
    const { connections } = this.run;
    const values = connections.map((conn, i) => column.sort(conn, i));
    const sign = isDown ? -1 : 1;
    const found = connections.map((_, i) => i).filter((i) => this.sought === "" || searchText(this.run, connections[i]).includes(this.sought));
    this.order = found.sort((i, j) => sign * compare(values[i], values[j]) || i - j);
    this.body.replaceChildren();
    this.scroller.scrollTop = 0;
    this.showUpTo(0);
    const first = this.order.length === 0 ? null : this.row(this.order[0]);
    if (first === null) this.body.append(h("tr", {}, h("td", { colspan: this.columns.length, class: "text muted" }, words().overview.nothing)));
    else if (!this.order.includes(this.selected)) first.tabIndex = 0;
    for (const head of this.heads) {
      const isSorted = head.dataset["key"] === key;
      if (isSorted) head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const isPart = this.order.length < connections.length;
    this.shown.textContent = isPart ? words().overview.shown(this.order.length, connections.length) : "";
  }

  /** Makes rows up to the one at `place`, and some more. */
  private showUpTo(place: number): void {
    const made = this.body.querySelectorAll("[data-connection]").length;
    if (made > place + ROWS_STEP / 2 || made >= this.order.length) return;
    this.body.append(...this.order.slice(made, place + ROWS_STEP).map((i) => this.row(i)));
  }

  private scrolled(): void {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    if (scrollTop + 2 * clientHeight > scrollHeight) this.showUpTo(this.body.rows.length);
  }

  private key(event: KeyboardEvent): void {
    const row = (event.target as HTMLElement).closest("tr");
    const index = Number(row?.dataset["connection"] ?? -1);
    if (index < 0) return;
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    const by = steps[event.key];
    if (event.key === "Enter" || event.key === " ") this.open(index);
    else if (by === undefined) return;
    else {
      const place = Math.min(Math.max(this.order.indexOf(index) + by, 0), this.order.length - 1);
      this.showUpTo(place);
      this.row(this.order[place]).focus();
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

function bringIntoTable(row: HTMLElement): void {
  const scroller = row.closest(".table-scroll");
  if (!scroller) return;
  const [box, own] = [scroller.getBoundingClientRect(), row.getBoundingClientRect()];
  if (own.top < box.top + 40 || own.bottom > box.bottom) scroller.scrollTop += own.top - box.top - box.height / 2;
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === "string" || typeof b === "string") return String(a).localeCompare(String(b));
  return a - b;
}

function columnsOf(run: Run): Column[] {
  const { tips } = words().overview;
  const end = Math.max(...run.connections.map((conn) => conn.began + conn.seconds), 1e-9);
  return [
    { key: "number", sort: (_, i) => i, cell: (_, i) => String(i + 1) },
    { key: "ends", isText: true, sort: (conn) => `${endName(run, conn.a)} ${endName(run, conn.b)}`, cell: (conn) => ends(run, conn) },
    { key: "start", tip: tips.start, sort: (conn) => conn.began, cell: (conn) => start(conn, end) },
    { key: "duration", sort: (conn) => conn.seconds, cell: (conn) => time(conn.seconds) },
    { key: "bytesA", sort: (conn) => conn.a_sent.unique_bytes, cell: (conn) => amount(conn.a_sent.unique_bytes) },
    { key: "bytesB", sort: (conn) => conn.b_sent.unique_bytes, cell: (conn) => amount(conn.b_sent.unique_bytes) },
    { key: "goodputA", tip: tips.goodput, sort: (conn) => conn.a_sent.goodput ?? -1, cell: (conn) => rate(conn.a_sent.goodput) },
    { key: "goodputB", tip: tips.goodput, sort: (conn) => conn.b_sent.goodput ?? -1, cell: (conn) => rate(conn.b_sent.goodput) },
    { key: "rtt", tip: tips.rtt, sort: (conn) => roundTrip(conn) ?? -1, cell: (conn) => time(roundTrip(conn)) },
    { key: "again", tip: tips.again, sort: (conn) => conn.a_sent.retransmissions + conn.b_sent.retransmissions, cell: again },
    { key: "resets", sort: (conn) => conn.a_sent.resets + conn.b_sent.resets, cell: (conn) => figure(conn.a_sent.resets + conn.b_sent.resets) },
    { key: "zero", tip: tips.zero, sort: (conn) => bothCounts(conn, "zero-window"), cell: (conn) => figure(bothCounts(conn, "zero-window")) },
    { key: "close", isText: true, sort: (conn) => conn.close_words, cell: close },
  ];
}

function figure(value: number): HTMLElement {
  return h("span", { class: value === 0 ? "nought" : "" }, count(value));
}

function amount(value: number): HTMLElement {
  return h("span", { class: value === 0 ? "nought" : "", title: count(value) }, bytes(value));
}

function ends(run: Run, conn: Conn): HTMLElement {
  const end = (side: "a" | "b"): HTMLElement =>
    h("span", { class: "end-name", title: conn[side] }, h("b", { class: `badge side-${side}` }, side), endName(run, conn[side]));
  const title = conn.detail === null ? words().overview.noDetail : null;
  return h("span", { class: `ends${conn.detail === null ? " no-detail" : ""}`, title }, end("a"), end("b"));
}

function start(conn: Conn, end: number): HTMLElement {
  const from = (conn.began / end) * 100;
  const width = Math.max((conn.seconds / end) * 100, 2);
  const style = `left: ${Math.min(from, 98).toFixed(2)}%; width: ${Math.min(width, 100 - Math.min(from, 98)).toFixed(2)}%`;
  return h("span", { class: "start" }, `${moment(conn.began, 1e-3)}\u00a0${words().units.time[0]}`, h("span", { class: "when" }, h("i", { style })));
}

function again(conn: Conn): HTMLElement {
  const all = conn.a_sent.retransmissions + conn.b_sent.retransmissions;
  if (all === 0) return figure(0);
  const kinds = [
    ["fast-retransmission", "fast"],
    ["timeout-retransmission", "timeout"],
    ["tail-loss-probe", "probe"],
    ["other-retransmission", "other"],
  ] as const;
  const parts = kinds.flatMap(([mark, colour]) => {
    const n = bothCounts(conn, mark);
    if (n === 0) return [];
    const title = `${words().plots.series[colour]}: ${n}`;
    return [h("span", { class: "kind", title, "aria-label": title, style: `--swatch: var(--${colour})` }, count(n))];
  });
  return h("span", { class: "again" }, h("span", {}, count(all)), ...parts);
}

function close(conn: Conn): HTMLElement {
  const reused = conn.ports_reused ? h("span", { class: "badge-note", title: words().overview.reused }, "↻") : null;
  return h("span", { class: `close close-${conn.close}` }, conn.close_words, reused);
}
