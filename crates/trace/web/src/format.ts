// Numbers for people: times, bytes, rates. Units are decimal.

import { words } from "./words";

function digits(value: number, places: number): string {
  const text = value.toFixed(places);
  return words().decimalComma ? text.replace(".", ",") : text;
}

function significant(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || Number.isInteger(value) && size < 1000) return String(value);
  return digits(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** Thousands apart by a thin space. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function scaled(value: number, units: readonly string[]): string {
  let index = 0;
  let rest = value;
  while (Math.abs(rest) >= 999.5 && index < units.length - 1) {
    rest /= 1000;
    index++;
  }
  return `${index === 0 ? significant(Math.round(rest)) : significant(rest)}\u00a0${units[index]}`;
}

export function bytes(value: number): string {
  return scaled(value, words().units.bytes);
}

/** Bits per second. */
export function rate(value: number | null): string {
  return value === null ? "–" : scaled(value, words().units.rate);
}

/** A duration in seconds, with the unit that fits. */
export function time(value: number | null): string {
  if (value === null) return "–";
  const units = words().units.time;
  const size = Math.abs(value);
  if (size === 0) return `0\u00a0${units[0]}`;
  if (size < 1e-6) return `${significant(Math.round(value * 1e9))}\u00a0${units[3]}`;
  if (size < 1e-3) return `${significant(value * 1e6)}\u00a0${units[2]}`;
  if (size < 1) return `${significant(value * 1e3)}\u00a0${units[1]}`;
  return `${digits(value, size >= 100 ? 1 : size >= 10 ? 2 : 3)}\u00a0${units[0]}`;
}

/** A moment in seconds with as many places as a step of `step` seconds needs. */
export function moment(value: number, step = 1e-6): string {
  const places = Math.min(Math.max(Math.ceil(-Math.log10(step) - 1e-9), 0), 9);
  return digits(value, places);
}

/** Labels of an axis: the same unit and number of places for all. */
export function axis(values: number[], units: readonly string[], base = 1): string[] {
  const most = Math.max(...values.map(Math.abs), 0) * base;
  let index = 0;
  while (most >= 999.5 * 1000 ** index && index < units.length - 1) index++;
  const divisor = 1000 ** index / base;
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) / divisor : 1;
  return values.map((value) => (value === 0 ? "0" : `${moment(value / divisor, step)}\u00a0${units[index]}`));
}

/** Labels of an axis of durations. */
export function timeAxis(values: number[]): string[] {
  const [s, ms, us] = words().units.time;
  const most = Math.max(...values.map(Math.abs), 0);
  const [unit, factor] = most >= 1 ? [s, 1] : most >= 1e-3 ? [ms, 1e3] : [us, 1e6];
  const step = values.length > 1 ? Math.abs(values[1] - values[0]) * factor : 1;
  return values.map((value) => (value === 0 ? "0" : `${moment(value * factor, step)}\u00a0${unit}`));
}

/** The wall clock at nanoseconds since 1970, in UTC. */
export function clock(epoch: string | null, secondsAfter: number): string | null {
  if (epoch === null || !/^\d{1,20}$/.test(epoch)) return null;
  const ns = BigInt(epoch) + BigInt(Math.round(secondsAfter * 1e9));
  const date = new Date(Number(ns / 1_000_000n));
  if (Number.isNaN(date.getTime())) return null;
  const below = String(ns % 1_000_000_000n).padStart(9, "0");
  return `${date.toISOString().slice(0, 19).replace("T", " ")}.${below} UTC`;
}

export function percent(share: number): string {
  return `${digits(share * 100, share >= 0.1 ? 0 : 1)}\u00a0%`;
}
