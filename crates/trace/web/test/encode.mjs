// Writes details as the Rust side does: columns, codings, deflate, base64.

import { deflateRawSync } from "node:zlib";

function varint(out, value) {
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

const zigzag = (value) => (value < 0 ? -value * 2 - 1 : value * 2);

function coded(values, coding, sides) {
  if (coding === "plain") return values;
  const last = [0, 0];
  return values.map((value, i) => {
    const slot = coding === "side" ? sides[i] : 0;
    const difference = value - last[slot];
    last[slot] = value;
    return difference;
  });
}

/** Raw bytes of columns: [name, coding, values][]. */
export function encodeColumns(columns) {
  const sides = columns.find(([name]) => name === "side")?.[2] ?? [];
  const out = [];
  for (const [, coding, values] of columns) {
    varint(out, values.length);
    for (const value of coded(values, coding, sides)) varint(out, zigzag(value));
  }
  return Uint8Array.from(out);
}

/** The text of a detail's element. */
export function encodeDetail(columns) {
  return deflateRawSync(encodeColumns(columns), { level: 6 }).toString("base64");
}

/** Puts a document and its details where the template has its mark. */
export function fill(template, report, details) {
  const json = JSON.stringify(report).replaceAll("<", "\\u003c");
  const parts = [`<script type="application/json" id="report">${json}</script>`];
  for (const [id, text] of Object.entries(details)) parts.push(`<script type="text/plain" id="${id}">${text}</script>`);
  const html = template.replace('<html lang="en">', `<html lang="${report.language}">`);
  return html.replace("<!--handfast-report-->", () => parts.join("\n"));
}
