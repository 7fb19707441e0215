// The figures of both sides of a connection, beside each other.

import { h } from "./dom";
import { bytes, count, rate, time } from "./format";
import { endName } from "./names";
import { countOf } from "./overview";
import type { Conn, Run, Sent } from "./types";
import { words } from "./words";

export function factsTable(run: Run, conn: Conn): HTMLElement {
  const text = words().connection;
  const row = (name: string, cell: (sent: Sent) => string): HTMLElement =>
    h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, cell(conn.a_sent)), h("td", {}, cell(conn.b_sent)));
  const head = (side: "a" | "b"): HTMLElement =>
    h("th", { scope: "col", title: conn[side] }, h("b", { class: `badge side-${side}` }, side), h("span", {}, endName(run, conn[side])));
  const rows = factRows().map(([name, cell]) => row(name, cell));
  return h(
    "section",
    { class: "facts panel" },
    h("header", {}, h("h3", {}, text.facts)),
    h("table", {}, h("thead", {}, h("tr", {}, h("td", {}), head("a"), head("b"))), h("tbody", {}, ...rows)),
    notes(conn),
  );
}

function factRows(): [string, (sent: Sent) => string][] {
  const text = words().connection;
  const names = text.factRows;
  const yes = (value: boolean | undefined): string => (value === undefined ? text.unknown : value ? text.yes : text.no);
  const option = (sent: Sent, value: number | null | undefined): string =>
    sent.syn === null ? text.unknown : value === null || value === undefined ? "–" : String(value);
  return [
    [names.segments, (sent) => `${count(sent.segments)} (${count(sent.text_segments)})`],
    [names.bytes, (sent) => count(sent.bytes)],
    [names.unique, (sent) => count(sent.unique_bytes)],
    [names.missing, (sent) => count(sent.missing_bytes)],
    [names.again, (sent) => count(sent.retransmissions)],
    [names.goodput, (sent) => rate(sent.goodput)],
    [names.throughput, (sent) => rate(sent.throughput)],
    [names.rtt, ({ rtt }) => (rtt.samples === 0 ? "–" : [rtt.min, rtt.median, rtt.max].map(time).join(" / "))],
    [names.window, (sent) => (sent.window_min === null || sent.window_max === null ? "–" : `${bytes(sent.window_min)} … ${bytes(sent.window_max)}`)],
    [names.flight, (sent) => bytes(sent.in_flight_max)],
    [names.acks, (sent) => count(sent.pure_acks)],
    [names.duplicateAcks, (sent) => count(countOf(sent, "duplicate-ack"))],
    [names.zero, (sent) => count(countOf(sent, "zero-window"))],
    [names.mss, (sent) => option(sent, sent.syn?.mss)],
    [names.scale, (sent) => option(sent, sent.syn?.window_scale)],
    [names.sack, (sent) => yes(sent.syn?.sack_permitted)],
    [names.timestamps, (sent) => yes(sent.syn?.timestamps)],
  ];
}

const NOTES_MAX = 12;

function notes(conn: Conn): HTMLElement | null {
  const text = words().connection;
  const lines = [
    ...conn.resets.map((one) => text.reset(one.by, one.state, one.frame) + (one.ignored ? ` (${text.ignored})` : "")),
    ...conn.idle.map((one) => text.idle(time(one.seconds), one.frame)),
  ];
  if (lines.length === 0) return null;
  const rest = lines.length > NOTES_MAX ? [h("li", {}, `+ ${count(lines.length - NOTES_MAX)}`)] : [];
  return h("ul", { class: "notes" }, ...lines.slice(0, NOTES_MAX).map((line) => h("li", {}, line)), ...rest);
}
