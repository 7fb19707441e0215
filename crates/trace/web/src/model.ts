// One connection's detail as typed arrays, and what is derived from it once for all plots. Times are
// seconds since the connection began; sequence numbers are relative to the ISN of their sender.

import type { Columns } from "./decode";
import { fromBase64, inflate, readColumns } from "./decode";
import { Fresh } from "./fresh";
import type { Conn, Report, Side } from "./types";
import { FLAGS, SIDES, otherSide, sideOf } from "./types";

/** A value that holds from its time to the next; below 0 there is none. */
export interface Steps {
  at: Float64Array;
  value: Float64Array;
}

export interface RttSeries {
  at: Float64Array;
  rtt: Float64Array;
  srtt: Float64Array;
  rto: Float64Array;
}

/** What the stack of one side told of its windows. */
export interface Told {
  side: Side | null;
  at: Float64Array;
  cwnd: Float64Array;
  ssthresh: Float64Array;
  pacing: Float64Array;
  text: Float64Array;
}

/** Upright bars at a time from one sequence number to another. */
export interface Bars {
  at: Float64Array;
  from: Float64Array;
  to: Float64Array;
}

export const KINDS = ["new", "fast", "timeout", "probe", "other"] as const;
export type Kind = (typeof KINDS)[number];

/** What one side sent and what the other said to that. */
export interface Direction {
  sender: Side;
  /** Segments that take sequence numbers. */
  bars: Bars;
  /** For each bar its segment, and which of KINDS it is. */
  segment: Uint32Array;
  kind: Uint8Array;
  /** Bars that are no new data, and those of them that were in vain. */
  again: Uint32Array;
  /** Sums of text before bar i: all of it, and each byte once. */
  sum: Float64Array;
  sumFresh: Float64Array;
  ack: Steps;
  /** The number up to which the receiver lets it send. */
  edge: Steps;
  window: Steps;
  flight: Steps;
  sacks: Bars;
  duplicateSacks: Bars;
  zeroWindows: Uint32Array;
  resets: Uint32Array;
  drops: Bars;
}

export interface Detail {
  count: number;
  /** Seconds from the first segment to the last. */
  seconds: number;
  side: Uint8Array;
  at: Float64Array;
  frame: Float64Array;
  flags: Uint16Array;
  seq: Float64Array;
  len: Float64Array;
  ack: Float64Array;
  window: Float64Array;
  inFlight: Float64Array;
  marks: Uint32Array;
  comment: Uint32Array;
  tsval: Float64Array;
  tsecr: Float64Array;
  state: [Uint8Array, Uint8Array];
  /** Blocks of segment i are sackFrom[i]..sackFrom[i+1] of the next two. */
  sackFrom: Uint32Array;
  sackStart: Float64Array;
  sackEnd: Float64Array;
  rtt: [RttSeries, RttSeries];
  limit: [Steps, Steps];
  told: Told;
  events: { at: Float64Array; text: Float64Array };
  directions: [Direction, Direction];
  /** Bit of a mark by its word; 0 when the report does not know it. */
  bit: (word: string) => number;
}

/** The detail of a connection, or null when the report has none of it. */
export async function loadDetail(report: Report, conn: Conn): Promise<Detail | null> {
  const element = conn.detail === null ? null : document.getElementById(conn.detail);
  if (element === null) return null;
  const bytes = await inflate(fromBase64(element.textContent ?? ""));
  return buildDetail(report, conn, readColumns(bytes, conn.columns));
}

export function buildDetail(report: Report, conn: Conn, columns: Columns): Detail {
  const count = columns.get("at")?.length ?? 0;
  const get = (name: string): Float64Array => {
    const column = columns.get(name);
    return column?.length === count ? column : new Float64Array(count);
  };
  const sackStart = columns.get("sack_start") ?? new Float64Array(0);
  const sackEnd = columns.get("sack_end") ?? new Float64Array(0);
  const at = seconds(get("at"));
  const base = {
    count,
    seconds: Math.max(conn.seconds, count > 0 ? at[count - 1] : 0, 1e-6),
    side: new Uint8Array(get("side")),
    at,
    frame: get("frame"),
    flags: new Uint16Array(get("flags")),
    seq: get("seq"),
    len: get("len"),
    ack: get("ack"),
    window: get("window"),
    inFlight: get("in_flight"),
    marks: new Uint32Array(get("marks")),
    comment: new Uint32Array(get("comment")),
    tsval: get("tsval"),
    tsecr: get("tsecr"),
    state: [new Uint8Array(get("state_a")), new Uint8Array(get("state_b"))] as [Uint8Array, Uint8Array],
    sackFrom: places(get("sacks"), Math.min(sackStart.length, sackEnd.length)),
    sackStart,
    sackEnd,
    ...series(conn, columns),
    bit: (word: string) => {
      const index = report.marks.indexOf(word);
      return index < 0 ? 0 : 2 ** index;
    },
  };
  const directions = SIDES.map((side) => direction(base, side, columns));
  return { ...base, directions: directions as [Direction, Direction] };
}

type Base = Omit<Detail, "directions">;

function seconds(nanoseconds: Float64Array): Float64Array {
  const result = new Float64Array(nanoseconds.length);
  for (let i = 0; i < result.length; i++) result[i] = nanoseconds[i] / 1e9;
  return result;
}

function places(counts: Float64Array, most: number): Uint32Array {
  const from = new Uint32Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) from[i + 1] = Math.min(from[i] + counts[i], most);
  return from;
}

function series(conn: Conn, columns: Columns): Pick<Detail, "rtt" | "limit" | "told" | "events"> {
  const optional = (name: string, length?: number, missing = 0): Float64Array => {
    const column = columns.get(name) ?? new Float64Array(0);
    return length === undefined || column.length === length ? column : new Float64Array(length).fill(missing);
  };
  const rtt = ["a", "b"].map((side) => {
    const at = seconds(optional(`rtt_${side}_at`));
    const aligned = (name: string): Float64Array => seconds(optional(`${name}_${side}`, at.length));
    return { at, rtt: aligned("rtt"), srtt: aligned("srtt"), rto: aligned("rto") };
  });
  const limit = ["a", "b"].map((side) => {
    const at = seconds(optional(`limit_${side}_at`));
    return { at, value: optional(`limit_${side}`, at.length, -1) };
  });
  const at = seconds(optional("window_at"));
  const told = {
    side: conn.told_by === null ? null : sideOf(conn.told_by),
    at,
    cwnd: optional("cwnd", at.length, -1),
    ssthresh: optional("ssthresh", at.length, -1),
    pacing: optional("pacing", at.length),
    text: optional("window_text", at.length),
  };
  const eventAt = seconds(optional("event_at"));
  return {
    rtt: rtt as [RttSeries, RttSeries],
    limit: limit as [Steps, Steps],
    told,
    events: { at: eventAt, text: optional("event_text", eventAt.length) },
  };
}

/** Sequence numbers that segment i takes: its text, SYN and FIN. */
export function takes(detail: Pick<Detail, "flags" | "len">, i: number): number {
  const flags = detail.flags[i];
  return detail.len[i] + (flags & FLAGS.SYN ? 1 : 0) + (flags & FLAGS.FIN ? 1 : 0);
}

function kindOf(detail: Base): (i: number) => number {
  const bits = ["fast-retransmission", "timeout-retransmission", "tail-loss-probe", "other-retransmission"].map(
    detail.bit,
  );
  const all = bits.reduce((sum, bit) => sum + bit, 0);
  return (i) => {
    const marks = detail.marks[i];
    if ((marks & all) === 0) return 0;
    return bits.findIndex((bit) => (marks & bit) !== 0) + 1;
  };
}

function direction(detail: Base, sender: Side, columns: Columns): Direction {
  return { sender, ...sentBars(detail, sender), ...answers(detail, sender), drops: drops(columns, sender) };
}

type SentPart = "bars" | "segment" | "kind" | "again" | "sum" | "sumFresh" | "flight" | "resets";

function sentBars(detail: Base, sender: Side): Pick<Direction, SentPart> {
  const segment: number[] = [];
  const resets: number[] = [];
  const own: number[] = [];
  for (let i = 0; i < detail.count; i++) {
    if (detail.side[i] !== sender) continue;
    own.push(i);
    if (takes(detail, i) > 0) segment.push(i);
    if (detail.flags[i] & FLAGS.RST) resets.push(i);
  }
  const n = segment.length;
  const bars = { at: new Float64Array(n), from: new Float64Array(n), to: new Float64Array(n) };
  const kind = new Uint8Array(n);
  const again: number[] = [];
  const sum = new Float64Array(n + 1);
  const sumFresh = new Float64Array(n + 1);
  const fresh = new Fresh();
  const kindAt = kindOf(detail);
  for (let k = 0; k < n; k++) {
    const i = segment[k];
    bars.at[k] = detail.at[i];
    bars.from[k] = detail.seq[i];
    bars.to[k] = detail.seq[i] + takes(detail, i);
    kind[k] = kindAt(i);
    if (kind[k] > 0) again.push(k);
    const from = detail.seq[i] + (detail.flags[i] & FLAGS.SYN ? 1 : 0);
    sum[k + 1] = sum[k] + detail.len[i];
    sumFresh[k + 1] = sumFresh[k] + fresh.add(from, from + detail.len[i]);
  }
  return {
    bars,
    kind,
    sum,
    sumFresh,
    segment: new Uint32Array(segment),
    again: new Uint32Array(again),
    resets: new Uint32Array(resets),
    flight: pick(detail.at, detail.inFlight, own),
  };
}

function pick(at: Float64Array, value: Float64Array, which: number[]): Steps {
  return { at: chosen(at, which), value: chosen(value, which) };
}

function chosen(values: Float64Array, which: number[]): Float64Array {
  const result = new Float64Array(which.length);
  for (let k = 0; k < which.length; k++) result[k] = values[which[k]];
  return result;
}

type AnswerPart = "ack" | "edge" | "window" | "sacks" | "duplicateSacks" | "zeroWindows";

function answers(detail: Base, sender: Side): Pick<Direction, AnswerPart> {
  const which: number[] = [];
  const zero: number[] = [];
  const sacks: [number, number, number][] = [];
  const duplicates: [number, number, number][] = [];
  const zeroBit = detail.bit("zero-window");
  for (let i = 0; i < detail.count; i++) {
    if (detail.side[i] === sender || !(detail.flags[i] & FLAGS.ACK) || detail.flags[i] & FLAGS.RST) continue;
    which.push(i);
    if (detail.marks[i] & zeroBit) zero.push(i);
    for (let k = detail.sackFrom[i]; k < detail.sackFrom[i + 1]; k++) {
      const isFirst = k === detail.sackFrom[i];
      const list = isFirst && isDuplicateSack(detail, i) ? duplicates : sacks;
      list.push([detail.at[i], detail.sackStart[k], detail.sackEnd[k]]);
    }
  }
  const ack = pick(detail.at, detail.ack, which);
  // A late segment takes no acknowledgment back.
  for (let k = 1; k < ack.value.length; k++) ack.value[k] = Math.max(ack.value[k], ack.value[k - 1]);
  const window = pick(detail.at, detail.window, which);
  const edge = { at: ack.at, value: new Float64Array(which.length) };
  for (let k = 0; k < which.length; k++) edge.value[k] = ack.value[k] + window.value[k];
  return {
    ack,
    edge,
    window,
    sacks: barsOf(sacks),
    duplicateSacks: barsOf(duplicates),
    zeroWindows: new Uint32Array(zero),
  };
}

/** Whether the first SACK block of segment i tells of something that came twice (RFC 2883). */
export function isDuplicateSack(detail: Pick<Detail, "sackFrom" | "sackStart" | "sackEnd" | "ack">, i: number): boolean {
  const first = detail.sackFrom[i];
  if (first === detail.sackFrom[i + 1]) return false;
  if (detail.sackStart[first] < detail.ack[i]) return true;
  if (first + 1 === detail.sackFrom[i + 1]) return false;
  const within = detail.sackStart[first] >= detail.sackStart[first + 1];
  return within && detail.sackEnd[first] <= detail.sackEnd[first + 1];
}

function barsOf(list: [number, number, number][]): Bars {
  const bars = { at: new Float64Array(list.length), from: new Float64Array(list.length), to: new Float64Array(list.length) };
  for (let k = 0; k < list.length; k++) [bars.at[k], bars.from[k], bars.to[k]] = list[k];
  return bars;
}

function drops(columns: Columns, sender: Side): Bars {
  const get = (name: string): Float64Array => columns.get(`drop_${name}`) ?? new Float64Array(0);
  const [at, side, seq, len] = [get("at"), get("side"), get("seq"), get("len")];
  const list: [number, number, number][] = [];
  for (let i = 0; i < at.length; i++) {
    if (side[i] === sender) list.push([at[i] / 1e9, seq[i] ?? 0, (seq[i] ?? 0) + (len[i] ?? 0)]);
  }
  return barsOf(list);
}

/** The direction with more bytes. */
export function mainDirection(conn: Conn): Side {
  return conn.b_sent.bytes > conn.a_sent.bytes ? 1 : 0;
}

/** Index of the segment with this frame number; -1 when the detail has none. */
export function indexOfFrame(detail: Detail, frame: number): number {
  return detail.frame.indexOf(frame);
}

/** The side that did not send segment i. */
export function receiverOf(detail: Detail, i: number): Side {
  return otherSide(detail.side[i] === 0 ? 0 : 1);
}
