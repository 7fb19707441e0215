// Base64, inflation and the columns of a detail: from text to arrays of numbers. What the numbers
// mean is the business of model.ts.

import type { ColumnSpec } from "./types";

export type Columns = Map<string, Float64Array>;

/** Bytes of base64 text; white space in it is left out. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Raw deflate (RFC 1951) undone by the browser. */
export async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** All columns of a detail. Throws when the bytes are not what `specs` says. */
export function readColumns(bytes: Uint8Array, specs: ColumnSpec[]): Columns {
  const reader = new Reader(bytes);
  const columns: Columns = new Map();
  for (const [name, coding] of specs) {
    const values = reader.column();
    if (coding === "delta") addUp(values);
    else if (coding === "side") addUpBySide(values, columns.get("side"), name);
    else if (coding !== "plain") throw new Error(`column ${name}: coding ${String(coding)} is unknown`);
    columns.set(name, values);
  }
  return columns;
}

class Reader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  column(): Float64Array {
    const length = this.unsigned();
    // Each value takes a byte at least: a length beyond that is damage, not a reason to allocate.
    if (length > this.bytes.length - this.at) throw new Error("a column is longer than the detail");
    const values = new Float64Array(length);
    const { bytes } = this;
    let at = this.at;
    for (let i = 0; i < length; i++) {
      const byte = bytes[at];
      if (byte < 128) {
        // Most values are small: this is the loop in which a large report spends its time.
        values[i] = byte & 1 ? -((byte + 1) >> 1) : byte >> 1;
        at++;
        continue;
      }
      this.at = at;
      const zigzag = this.unsigned();
      at = this.at;
      values[i] = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
    this.at = at;
    return values;
  }

  private unsigned(): number {
    const { bytes } = this;
    let byte = bytes[this.at++];
    if (byte < 128) return byte;
    let value = byte & 127;
    // Beyond 31 bits shifts would wrap, so that places are multiplied.
    let place = 128;
    do {
      byte = bytes[this.at++];
      if (byte === undefined) throw new Error("the detail ends in the middle of a number");
      value += (byte & 127) * place;
      place *= 128;
    } while (byte >= 128);
    return value;
  }
}

function addUp(values: Float64Array): void {
  let last = 0;
  for (let i = 0; i < values.length; i++) values[i] = last += values[i];
}

function addUpBySide(values: Float64Array, sides: Float64Array | undefined, name: string): void {
  if (sides?.length !== values.length) throw new Error(`column ${name} needs the column side before it`);
  let a = 0;
  let b = 0;
  for (let i = 0; i < values.length; i++) {
    values[i] = sides[i] === 0 ? (a += values[i]) : (b += values[i]);
  }
}
