// The document that the Rust side writes: the contract between it and this page.

export type SideName = "a" | "b";
/** 0 is a, 1 is b. */
export type Side = 0 | 1;
export type LanguageCode = "en" | "ru";

export interface Report {
  version: number;
  generator: string;
  language: LanguageCode;
  title: string;
  states: string[];
  marks: string[];
  limits: { id: string; words: string }[];
  runs: Run[];
}

export interface Run {
  name: string;
  source: "live" | "capture";
  epoch: string | null;
  frames: number;
  other_frames: number;
  fragments: number;
  names: Record<string, string>;
  incomplete: string[];
  comments: string[];
  texts: string[];
  findings: Finding[];
  connections: Conn[];
}

export interface Finding {
  kind: string;
  title: string;
  text: string;
  connection: number | null;
  side: SideName | null;
  cost: number | null;
  rule: string | null;
  advice: string | null;
  evidence: { frame: number; text: string }[];
}

export type Coding = "plain" | "delta" | "side";
export type ColumnSpec = [name: string, coding: Coding];

export interface Conn {
  a: string;
  b: string;
  began: number;
  seconds: number;
  initial_rtt: number | null;
  close: "no-answer" | "refused" | "open" | "half-closed" | "closed" | "reset";
  close_words: string;
  closed_by: SideName | null;
  ports_reused: boolean;
  resets: { frame: number; by: SideName; state: string; other_state: string; ignored: boolean }[];
  idle: { frame: number; by: SideName; seconds: number }[];
  isn: [number | null, number | null];
  told_by: SideName | null;
  a_sent: Sent;
  b_sent: Sent;
  count: number;
  omitted: number;
  detail: string | null;
  columns: ColumnSpec[];
}

export interface Sent {
  segments: number;
  text_segments: number;
  bytes: number;
  unique_bytes: number;
  missing_bytes: number;
  text_max: number;
  retransmissions: number;
  retransmitted_bytes: number;
  pure_acks: number;
  syns: number;
  fins: number;
  resets: number;
  counts: Record<string, number>;
  syn: {
    mss: number | null;
    window_scale: number | null;
    sack_permitted: boolean;
    timestamps: boolean;
    window: number;
  } | null;
  window_shift: number | null;
  window_min: number | null;
  window_max: number | null;
  in_flight_max: number;
  in_flight_max_window: number | null;
  goodput: number | null;
  throughput: number | null;
  rtt: Rtt;
  rtt_by_timestamps: Rtt;
}

export interface Rtt {
  samples: number;
  min: number | null;
  median: number | null;
  mean: number | null;
  max: number | null;
  smoothed: number | null;
}

export const SIDES: readonly Side[] = [0, 1];
export const SIDE_NAMES: readonly [SideName, SideName] = ["a", "b"];

export function sideOf(name: SideName): Side {
  return name === "a" ? 0 : 1;
}

export function otherSide(side: Side): Side {
  return side === 0 ? 1 : 0;
}

export function sentBy(conn: Conn, side: Side): Sent {
  return side === 0 ? conn.a_sent : conn.b_sent;
}

export const FLAGS = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128, AE: 256 } as const;
