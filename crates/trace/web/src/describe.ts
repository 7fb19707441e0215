// One segment in words: the short label of the ladder, and everything that is known of it.

import { bytes, clock, count, moment, rate, time } from "./format";
import type { Detail } from "./model";
import { isDuplicateSack, receiverOf, takes } from "./model";
import { firstAtLeast, lastAtMost } from "./search";
import type { Colour } from "./theme";
import type { Conn, Report, Run, Side } from "./types";
import { FLAGS, SIDES, SIDE_NAMES, sentBy } from "./types";
import { words } from "./words";

/** What a view needs to say something about a segment. */
export interface Subject {
  report: Report;
  run: Run;
  conn: Conn;
  detail: Detail;
}

const EVENTS_SHOWN = 8;
const FLAG_ORDER = ["SYN", "FIN", "RST", "URG", "PSH", "ACK", "ECE", "CWR", "AE"] as const;

export function flagsText(flags: number): string {
  return FLAG_ORDER.filter((name) => flags & FLAGS[name]).join(" ") || "–";
}

/** Numbers that a segment takes, as first..behind the last. */
export function numbersText(detail: Detail, i: number): string {
  const size = takes(detail, i);
  return size === 0 ? String(detail.seq[i]) : `${detail.seq[i]}..${detail.seq[i] + size}`;
}

function blockText(detail: Detail, k: number): string {
  return `${detail.sackStart[k]}..${detail.sackEnd[k]}`;
}

export interface Label {
  flags: string;
  rest: string;
  sack: string;
}

export function labelOf(detail: Detail, i: number): Label {
  const flags = detail.flags[i];
  // PSH on data and ACK beside others say nothing that the numbers do not.
  const weighty = flags & ~(FLAGS.PSH | FLAGS.ACK);
  const shown = weighty ? flags & ~FLAGS.PSH : flags;
  const parts = [numbersText(detail, i)];
  if (flags & FLAGS.ACK) parts.push(`ack ${detail.ack[i]}`);
  if (!(flags & FLAGS.RST)) parts.push(`${words().ladder.win} ${detail.window[i]}`);
  const blocks: string[] = [];
  for (let k = detail.sackFrom[i]; k < detail.sackFrom[i + 1]; k++) {
    const isTwice = k === detail.sackFrom[i] && isDuplicateSack(detail, i);
    blocks.push(`${isTwice ? words().card.dsack : words().card.sack} ${blockText(detail, k)}`);
  }
  return { flags: flagsText(shown), rest: parts.join("  "), sack: blocks.join("  ") };
}

/** Marks that say how something is known are told, but colour nothing. */
const QUIET = new Set(["by-timestamp", "by-identification", "by-time", "gap", "window-update"]);
const MARK_COLOURS: Record<string, Colour> = {
  "fast-retransmission": "fast",
  "timeout-retransmission": "timeout",
  "tail-loss-probe": "probe",
  "other-retransmission": "other",
  spurious: "other",
  "zero-window": "timeout",
  "bad-checksum": "timeout",
  "window-full": "probe",
  "zero-window-probe": "probe",
};

export interface MarkText {
  words: string;
  colour: Colour;
  isQuiet: boolean;
}

export function marksOf(report: Report, detail: Detail, i: number): MarkText[] {
  const marks = detail.marks[i];
  if (marks === 0) return [];
  return report.marks
    .filter((word) => marks & detail.bit(word))
    .map((word) => ({
      words: words().marks[word] ?? word,
      colour: MARK_COLOURS[word] ?? "muted",
      isQuiet: QUIET.has(word),
    }));
}

export function causeOf({ run, detail }: Subject, i: number): string | null {
  return run.comments[detail.comment[i] - 1] ?? null;
}

/** Who sends to whom, and when. */
export function headline({ detail }: Subject, i: number): string {
  const from = SIDE_NAMES[detail.side[i] as Side];
  const to = SIDE_NAMES[receiverOf(detail, i)];
  return `${from} → ${to} · ${moment(detail.at[i], 1e-6)} ${words().units.time[0]} · ${words().card.frame} ${detail.frame[i]}`;
}

export type Row = [name: string, text: string, detail?: string | null];

/** Everything about segment i, row by row. */
export function rowsOf(subject: Subject, i: number): Row[] {
  const { detail, conn, run } = subject;
  const text = words().card;
  const rows: Row[] = [[text.flags, flagsText(detail.flags[i])]];
  rows.push([text.sequence, numbersText(detail, i), absolute(conn, detail.side[i] as Side, detail.seq[i])]);
  if (detail.flags[i] & FLAGS.ACK) {
    rows.push([text.ack, String(detail.ack[i]), absolute(conn, receiverOf(detail, i), detail.ack[i])]);
  }
  if (detail.len[i] > 0) rows.push([text.length, text.bytes(count(detail.len[i]))]);
  rows.push([text.window, text.bytes(count(detail.window[i]))]);
  if (detail.inFlight[i] > 0) rows.push([text.flight, text.bytes(count(detail.inFlight[i]))]);
  if (detail.tsval[i] !== 0 || detail.tsecr[i] !== 0) {
    rows.push([text.timestamps, `TSval ${detail.tsval[i]}, TSecr ${detail.tsecr[i]}`]);
  }
  rows.push(...sackRows(detail, i), ...optionRows(conn, detail, i));
  const cause = causeOf(subject, i);
  if (cause !== null) rows.push([text.cause, cause]);
  rows.push(...stateRows(subject, i), ...rttRows(detail, i), ...toldRows(subject, i));
  const wall = clock(run.epoch, conn.began + detail.at[i]);
  if (wall !== null) rows.push([text.clock, wall]);
  return rows;
}

function absolute(conn: Conn, side: Side, relative: number): string | null {
  const isn = conn.isn[side];
  return isn === null ? null : `${words().card.absolute} ${(isn + relative) % 2 ** 32}`;
}

function sackRows(detail: Detail, i: number): Row[] {
  const rows: Row[] = [];
  const [first, end] = [detail.sackFrom[i], detail.sackFrom[i + 1]];
  const plain = isDuplicateSack(detail, i) ? first + 1 : first;
  if (plain > first) rows.push([words().card.dsack, blockText(detail, first)]);
  const blocks = [];
  for (let k = plain; k < end; k++) blocks.push(blockText(detail, k));
  if (blocks.length > 0) rows.push([words().card.sack, blocks.join(", ")]);
  return rows;
}

function optionRows(conn: Conn, detail: Detail, i: number): Row[] {
  const { syn } = sentBy(conn, detail.side[i] as Side);
  if (!(detail.flags[i] & FLAGS.SYN) || syn === null) return [];
  const text = words().card;
  const options = [
    syn.mss === null ? null : `MSS ${syn.mss}`,
    syn.window_scale === null ? null : `${text.wscale} ${syn.window_scale}`,
    syn.sack_permitted ? text.sackPermitted : null,
    syn.timestamps ? text.timestamps.toLowerCase() : null,
  ];
  return [[text.options, options.filter((option) => option !== null).join(", ") || "–"]];
}

function stateRows({ report, detail }: Subject, i: number): Row[] {
  const names = SIDES.map((side) => report.states[detail.state[side][i]]);
  if (names.some((name) => name === undefined)) return [];
  return [[words().card.states, `a ${names[0]}, b ${names[1]}`]];
}

function rttRows(detail: Detail, i: number): Row[] {
  const series = detail.rtt[receiverOf(detail, i)];
  const k = firstAtLeast(series.at, detail.at[i]);
  if (series.at[k] !== detail.at[i] || !(detail.flags[i] & FLAGS.ACK)) return [];
  const parts = [time(series.rtt[k])];
  if (series.srtt[k] > 0) parts.push(`SRTT ${time(series.srtt[k])}`);
  if (series.rto[k] > 0) parts.push(`RTO ${time(series.rto[k])}`);
  return [[words().card.rtt, parts.join(", ")]];
}

/** Indices of what the stack told from segment i on, before the next one. */
export function eventsAt(detail: Detail, i: number): [number, number] {
  const { at } = detail.events;
  const end = i + 1 < detail.count ? firstAtLeast(at, detail.at[i + 1]) : at.length;
  const first = firstAtLeast(at, detail.at[i]);
  return [first, Math.max(end, first)];
}

function toldRows({ run, detail }: Subject, i: number): Row[] {
  const rows: Row[] = [];
  const { told, events } = detail;
  const k = lastAtMost(told.at, detail.at[i]);
  if (k >= 0) {
    const parts = [`cwnd ${bytes(told.cwnd[k])}`];
    if (told.ssthresh[k] >= 0) parts.push(`ssthresh ${bytes(told.ssthresh[k])}`);
    if (told.pacing[k] > 0) parts.push(`${words().plots.series.pacing} ${rate(told.pacing[k] * 8)}`);
    const why = told.at[k] === detail.at[i] ? (run.texts[told.text[k] - 1] ?? null) : null;
    rows.push([words().card.windows, parts.join(", "), why]);
  }
  const [first, end] = eventsAt(detail, i);
  const said = [];
  for (let e = first; e < Math.min(end, first + EVENTS_SHOWN); e++) {
    const text = run.texts[events.text[e] - 1];
    if (text !== undefined) said.push(text);
  }
  if (said.length > 0) rows.push([words().card.events, said.join("\n")]);
  return rows;
}
