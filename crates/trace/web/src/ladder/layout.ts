// Where each row of the ladder lies. Rows have one height; between them pauses take room by the
// logarithm of their length, so that a second of silence does not push everything off the screen.

import type { Detail } from "../model";
import { lastAtMost } from "../search";

/** Heights of a row in pixels, from the overview to everything written out. */
export const ROW_HEIGHTS = [8, 14, 24, 50] as const;
/** Browsers place nothing right in elements that are much taller. */
const HEIGHT_MAX = 12_000_000;
const PAUSE_MAX = 54;

export interface Layout {
  row: number;
  /** Top of row i; the last is the height of all. */
  top: Float64Array;
  height: number;
}

/** A pause that is worth room: a quarter of the round trip. */
export function pauseUnit(detail: Detail, rtt: number | null): number {
  return Math.max(rtt ?? detail.seconds / 200, 1e-5) / 4;
}

export function layOut(detail: Detail, rowHeight: number, unit: number): Layout {
  const { count, at } = detail;
  const row = Math.min(rowHeight, Math.max(HEIGHT_MAX / Math.max(count, 1) / 2, 1));
  const scale = row / ROW_HEIGHTS[ROW_HEIGHTS.length - 1];
  const top = new Float64Array(count + 1);
  let y = 6;
  for (let i = 0; i < count; i++) {
    const pause = i === 0 ? 0 : at[i] - at[i - 1];
    if (pause > unit) y += Math.min(14 + 8 * Math.log2(pause / unit), PAUSE_MAX) * scale;
    top[i] = y;
    y += row;
  }
  top[count] = y;
  return { row, top, height: y + 6 };
}

/** The row at y; -1 above the first. */
export function rowAt(layout: Layout, y: number): number {
  return Math.min(lastAtMost(layout.top, y), layout.top.length - 2);
}
