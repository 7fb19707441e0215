// What needs no browser: decoding, what is derived from segments, numbers in words, house rules.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { encodeColumns, encodeDetail } from "./encode.mjs";
import { load, sources } from "./load.mjs";
import { DOCUMENTS } from "./make.mjs";
import { MARKS, bit, random, simulate } from "./simulate.mjs";

const page = await load("decode", "model", "fresh", "format", "words", "search", "plots/rates", "timeline/zoom", "ladder/layout", "machine", "names");

test("columns are read as they were written", () => {
  const next = random(9);
  const sides = Array.from({ length: 500 }, () => Math.floor(next() * 2));
  const wide = sides.map(() => Math.floor((next() - 0.5) * 2 ** (1 + next() * 49)) || 0);
  const written = [
    ["side", "plain", sides],
    ["at", "delta", wide.map(Math.abs).sort((x, y) => x - y)],
    ["seq", "side", wide],
    ["any", "delta", wide],
    ["plain", "plain", wide],
    ["empty", "delta", []],
  ];
  const read = page.readColumns(encodeColumns(written), written.map(([name, coding]) => [name, coding]));
  for (const [name, , values] of written) assert.deepEqual([...read.get(name)], values, name);
});

test("the bounds of each length of a number are read", () => {
  const values = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8193, 2 ** 31 - 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 40, 2 ** 51];
  const read = page.readColumns(encodeColumns([["x", "plain", values]]), [["x", "plain"]]);
  assert.deepEqual([...read.get("x")], values);
});

test("base64 and deflate of the details are undone", async () => {
  const bytes = await page.inflate(page.fromBase64(encodeDetail([["x", "delta", [5, 7, 6]]])));
  assert.deepEqual([...page.readColumns(bytes, [["x", "delta"]]).get("x")], [5, 7, 6]);
});

test("damage is an error with words, and nothing else", () => {
  const whole = encodeColumns([["side", "plain", [0, 1]], ["at", "delta", [1, 300]]]);
  const specs = [["side", "plain"], ["at", "delta"]];
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => page.readColumns(whole.subarray(0, end), specs), /detail|column/, `cut at ${end}`);
  }
  assert.throws(() => page.readColumns(Uint8Array.of(255, 255, 255, 255, 127), specs), /longer than the detail/);
  assert.throws(() => page.readColumns(whole, [["side", "other"]]), /coding/);
  assert.throws(() => page.readColumns(encodeColumns([["seq", "plain", [1]]]), [["seq", "side"]]), /needs the column side/);
  const next = random(4);
  for (let round = 0; round < 2000; round++) {
    const noise = Uint8Array.from({ length: Math.floor(next() * 40) }, () => next() * 256);
    try {
      page.readColumns(noise, [["side", "plain"], ["at", "delta"], ["seq", "side"]]);
    } catch (error) {
      assert.match(error.message, /detail|column/);
    }
  }
});

test("each byte is fresh once", () => {
  const next = random(11);
  for (let round = 0; round < 200; round++) {
    const fresh = new page.Fresh();
    const seen = new Set();
    fresh.add(1, 2);
    seen.add(1);
    for (let i = 0; i < 40; i++) {
      const from = 1 + Math.floor(next() * 60);
      const to = from + Math.floor(next() * 12);
      let count = 0;
      for (let byte = from; byte < to; byte++) if (!seen.has(byte)) count += seen.add(byte) ? 1 : 0;
      assert.equal(fresh.add(from, to), count);
    }
  }
});

async function detailOf(name, connection = 0) {
  const [report, details] = DOCUMENTS[name]();
  const conn = report.runs[0].connections[connection];
  const bytes = await page.inflate(page.fromBase64(details[conn.detail]));
  return { report, conn, detail: page.buildDetail(report, conn, page.readColumns(bytes, conn.columns)) };
}

test("a document becomes the segments that it was made of", async () => {
  const { report, conn, detail } = await detailOf("ordinary");
  assert.equal(detail.count, conn.count);
  const [a, b] = detail.directions;
  assert.equal(a.sumFresh.at(-1), conn.a_sent.unique_bytes);
  assert.equal(a.sum.at(-1), conn.a_sent.bytes);
  assert.equal(a.again.length, conn.a_sent.retransmissions);
  assert.equal(b.sum.at(-1), conn.b_sent.bytes);
  assert.equal(a.ack.value.at(-1), conn.a_sent.unique_bytes + 2, "SYN, all bytes, FIN");
  assert.ok(a.drops.at.length > 5 && a.sacks.at.length > 20 && a.duplicateSacks.at.length > 0);
  assert.ok(a.ack.value.every((value, i) => i === 0 || value >= a.ack.value[i - 1]));
  assert.equal(detail.bit("tail-loss-probe"), bit("tail-loss-probe"));
  assert.equal(detail.bit("of a later version"), 0);
  assert.equal(report.marks.length, MARKS.length);
  assert.equal(page.mainDirection(conn), 0);
  assert.equal(page.indexOfFrame(detail, 5), 4);
  assert.equal(page.indexOfFrame(detail, 1e9), -1);
});

test("columns that are missing are nothing, and unknown ones are left out", () => {
  const [report] = DOCUMENTS.ordinary();
  const conn = { ...report.runs[0].connections[0], told_by: null };
  const columns = page.readColumns(encodeColumns([["at", "delta", [0, 5]], ["new", "plain", [1]]]), [["at", "delta"], ["new", "plain"]]);
  const detail = page.buildDetail(report, conn, columns);
  assert.equal(detail.count, 2);
  assert.equal(detail.directions[0].bars.at.length, 0);
  assert.equal(detail.told.at.length, 0);
  assert.equal(page.buildDetail(report, conn, new Map()).count, 0);
});

test("rates of bins add up to the bytes, however the plot is zoomed", async () => {
  const { conn, detail } = await detailOf("ordinary");
  for (const span of [3, 1.7, 0.3]) {
    let bytes = 0;
    for (let from = -span; from < detail.seconds + span; ) {
      const bins = page.binned(detail.directions[0], { from, to: from + span });
      const last = bins.all.length - 1;
      for (let i = 0; i < last; i++) bytes += (bins.fresh[i] * bins.width) / 8;
      // The middle of the next bin, so that rounding decides nothing.
      from = bins.first + (last + 0.5) * bins.width;
    }
    assert.ok(Math.abs(bytes - conn.a_sent.unique_bytes) < 1, `${span}: ${bytes}`);
  }
});

test("zooming keeps the fixed moment, stays within the whole and comes back", () => {
  const zoom = new page.Zoom(10);
  assert.ok(zoom.isWhole);
  zoom.scale(0.5, 2);
  const { from, to } = zoom.range.get();
  assert.ok(Math.abs((2 - from) / (to - from) - 2.15 / 10.3) < 1e-9);
  for (let i = 0; i < 80; i++) zoom.scale(0.5, 2);
  assert.ok(zoom.range.get().to > zoom.range.get().from);
  zoom.pan(1e12);
  assert.ok(zoom.range.get().to <= 10.15 + 1e-9);
  zoom.reveal(3);
  assert.ok(zoom.range.get().from <= 3 && zoom.range.get().to >= 3);
  for (let i = 0; i < 80; i++) zoom.scale(3);
  assert.ok(zoom.isWhole);
});

test("rows of the ladder follow each other, and pauses take bounded room", async () => {
  const { detail } = await detailOf("ordinary");
  const layout = page.layOut(detail, 50, 0.01);
  for (let i = 0; i < detail.count; i++) {
    const step = layout.top[i + 1] - layout.top[i];
    assert.ok(step > 50 - 1e-6 && step < 50 + 54 + 1e-6, String(step));
    assert.equal(page.rowAt(layout, layout.top[i] + 1), i);
  }
  assert.equal(page.rowAt(layout, 0), -1);
});

test("the way through the states is that of the segments", async () => {
  const { report, conn, detail } = await detailOf("ordinary");
  const subject = { report, run: report.runs[0], conn, detail };
  const last = detail.count - 1;
  assert.deepEqual(page.pathOf(subject, 0, last), ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]);
  assert.deepEqual(page.pathOf(subject, 1, last), ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "END"]);
  assert.deepEqual(page.pathOf(subject, 0, 1), ["CLOSED", "SYN-SENT"]);
});

test("numbers are short, with the comma and the units of their language", () => {
  globalThis.document = { documentElement: {} };
  const nbsp = (text) => text.replaceAll(" ", "\u00a0");
  page.speak("en");
  assert.equal(page.bytes(1_400_000), nbsp("1.40 MB"));
  assert.equal(page.bytes(999), nbsp("999 B"));
  assert.equal(page.rate(7_360_000), nbsp("7.36 Mbit/s"));
  assert.equal(page.time(0.0405), nbsp("40.5 ms"));
  assert.equal(page.time(1.5224), nbsp("1.522 s"));
  assert.equal(page.time(null), "–");
  assert.equal(page.count(1234567), "1\u202f234\u202f567");
  assert.deepEqual(page.axis([0, 500_000, 1_000_000], ["B", "kB", "MB"]), ["0", nbsp("0.5 MB"), nbsp("1.0 MB")]);
  assert.equal(page.clock("1795766400000000000", 0.000000001), "2026-11-27 08:00:00.000000001 UTC");
  assert.equal(page.clock(null, 0), null);
  assert.equal(page.clock("x<y", 0), null);
  page.speak("ru");
  assert.equal(page.time(0.0405), nbsp("40,5 мс"));
  assert.equal(page.words().header.connections(2, "2"), "2 соединения");
  assert.equal(page.words().header.connections(11, "11"), "11 соединений");
  assert.equal(page.words().header.frames("1\u202f021"), "1\u202f021 кадр");
  page.speak("en");
});

test("both languages have every mark", () => {
  for (const language of ["en", "ru"]) {
    page.speak(language);
    for (const mark of MARKS) assert.ok(page.words().marks[mark], `${language}: ${mark}`);
  }
  page.speak("en");
});

test("ends have the names of their addresses, and never what objects inherit", () => {
  const run = { names: { "10.0.0.1": "client.lab", "fe80::1": "router" } };
  assert.equal(page.endName(run, "10.0.0.1:80"), "client.lab:80");
  assert.equal(page.endName(run, "[fe80::1]:443"), "router:443");
  assert.equal(page.endName(run, "constructor:1"), "constructor:1");
});

test("the synthetic transfers are what they are named for", () => {
  const first = simulate({ seed: 3, bytes: 200_000, loss: 0.02 });
  const again = simulate({ seed: 3, bytes: 200_000, loss: 0.02 });
  assert.deepEqual(first.log, again.log);
  assert.ok(first.finished);
});

test("no file has more than 600 lines, and each opens with what lives in it", () => {
  for (const path of sources(fileURLToPath(new URL("../src", import.meta.url)))) {
    const text = readFileSync(path, "utf8");
    assert.ok(text.split("\n").length <= 600, path);
    assert.match(text, /^(\/\/ |\/\* |@import )/, path);
  }
});
