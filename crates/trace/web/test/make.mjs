// Documents by the contract for the tests and for looking at: `node test/make.mjs FOLDER` writes all.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeDetail, fill } from "./encode.mjs";
import { FLAG, LIMITS, MARKS, STATES, bit, random, simulate } from "./simulate.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const ns = (seconds) => Math.round(seconds * 1e9);
const LIMIT_WORDS = {
  en: ["handshake", "application has nothing to send", "congestion window", "receive window", "recovery from loss", "pacing"],
  ru: ["рукопожатие", "приложению нечего передавать", "окно перегрузки", "окно приёма", "восстановление после потерь", "темп отправки"],
};

class Table {
  list = [];
  known = new Map();
  index(text) {
    if (!text) return 0;
    if (!this.known.has(text)) this.known.set(text, this.list.push(text));
    return this.known.get(text);
  }
}

/** A run with one connection after the other. */
class RunMaker {
  comments = new Table();
  texts = new Table();
  connections = [];
  details = {};
  frames = 0;

  constructor(run, name, extra = {}) {
    this.run = run;
    this.head = { name, source: "live", epoch: "1795766400000000000", names: { "10.0.0.1": "client.lab", "10.0.0.2": "web.lab" }, incomplete: [], ...extra };
  }

  add(transfer, options = {}) {
    const { log } = transfer;
    const id = `d${this.run}-${this.connections.length}`;
    const columns = this.columns(transfer);
    const told = options.told === undefined ? transfer.o.sender : options.told;
    const shown = told === null ? columns.filter(([name]) => !/^(window_|cwnd|ssthresh|pacing|event_)/.test(name)) : columns;
    if (!options.noDetail) this.details[id] = encodeDetail(shown);
    this.connections.push({
      a: `10.0.0.1:${49152 + this.connections.length}`, b: "10.0.0.2:80", began: options.began ?? 0, seconds: log.at(-1).at,
      initial_rtt: 2 * transfer.o.delay + 0.0005, close: "closed", close_words: "closed by both", closed_by: "a", ports_reused: false,
      resets: [], idle: [], isn: [3_735_928_559, 195_936_478], told_by: told === null ? null : "ab"[told],
      a_sent: sent(transfer, 0), b_sent: sent(transfer, 1), count: options.noDetail ? 0 : log.length, omitted: options.noDetail ? log.length : 0,
      detail: options.noDetail ? null : id, columns: options.noDetail ? [] : shown.map(([name, coding]) => [name, coding]), ...options.conn,
    });
    return this;
  }

  columns(transfer) {
    const { log } = transfer;
    const each = (name, coding, of) => [name, coding, log.map(of)];
    const list = (name, coding, rows, of) => [name, coding, rows.map(of)];
    const first = this.frames;
    this.frames += log.length;
    const blocks = log.flatMap((one) => one.sacks);
    const { rtt, windows, events, drops, limits } = transfer;
    const side = "ab"[transfer.o.sender];
    return [
      each("side", "plain", (one) => one.side), each("at", "delta", (one) => ns(one.at)), each("frame", "delta", (_, i) => first + i + 1),
      each("flags", "plain", (one) => one.flags), each("seq", "side", (one) => one.seq), each("len", "side", (one) => one.len),
      each("ack", "side", (one) => one.ack), each("window", "side", (one) => one.window), each("in_flight", "side", (one) => one.inFlight),
      each("marks", "plain", (one) => one.marks), each("comment", "plain", (one) => this.comments.index(one.comment)),
      each("tsval", "side", (one) => one.tsval), each("tsecr", "side", (one) => one.tsecr),
      each("state_a", "plain", (one) => one.state[0]), each("state_b", "plain", (one) => one.state[1]), each("sacks", "plain", (one) => one.sacks.length),
      list("sack_start", "delta", blocks, (one) => one[0]), list("sack_end", "delta", blocks, (one) => one[1]),
      list(`rtt_${side}_at`, "delta", rtt, (one) => ns(one[0])), list(`rtt_${side}`, "delta", rtt, (one) => ns(one[1])),
      list(`srtt_${side}`, "delta", rtt, (one) => ns(one[2])), list(`rto_${side}`, "delta", rtt, (one) => ns(one[3])),
      ...[0, 1].flatMap((s) => [list(`limit_${"ab"[s]}_at`, "delta", limits[s], (one) => ns(one[0])), list(`limit_${"ab"[s]}`, "plain", limits[s], (one) => one[1])]),
      list("window_at", "delta", windows, (one) => ns(one[0])), list("cwnd", "delta", windows, (one) => one[1]),
      list("ssthresh", "delta", windows, (one) => one[2]), list("pacing", "delta", windows, (one) => one[3]),
      list("window_text", "plain", windows, (one) => this.texts.index(one[4])),
      list("event_at", "delta", events, (one) => ns(one[0])), list("event_text", "plain", events, (one) => this.texts.index(one[1])),
      list("drop_at", "delta", drops, (one) => ns(one[0])), list("drop_side", "plain", drops, (one) => one[1]),
      list("drop_seq", "delta", drops, (one) => one[2]), list("drop_len", "delta", drops, (one) => one[3]),
      ["of_a_later_version", "plain", [1, 2, 3]],
    ];
  }

  done(findings = []) {
    return { ...this.head, frames: this.frames + 12, other_frames: 12, fragments: 0, comments: this.comments.list, texts: this.texts.list, findings, connections: this.connections };
  }
}

function sent(transfer, side) {
  const own = transfer.log.filter((one) => one.side === side);
  const text = own.filter((one) => one.len > 0);
  const has = (word) => own.filter((one) => one.marks & bit(word)).length;
  const again = ["fast-retransmission", "timeout-retransmission", "tail-loss-probe", "other-retransmission"].reduce((n, word) => n + has(word), 0);
  const bytes = text.reduce((n, one) => n + one.len, 0);
  const isSender = side === transfer.o.sender;
  const unique = isSender ? transfer.o.bytes : bytes;
  const samples = isSender ? transfer.rtt.map((one) => one[1]).sort((x, y) => x - y) : [];
  const at = (share) => samples[Math.floor(share * (samples.length - 1))] ?? null;
  const rtt = { samples: samples.length, min: at(0), median: at(0.5), mean: at(0.5), max: at(1), smoothed: at(0.5) };
  const seconds = transfer.log.at(-1).at;
  const windows = own.filter((one) => !(one.flags & FLAG.SYN)).map((one) => one.window);
  const rate = (n) => (n > 0 && isSender ? Math.round((n * 8) / seconds) : null);
  return {
    segments: own.length, text_segments: text.length, bytes, unique_bytes: unique, missing_bytes: 0, text_max: Math.max(0, ...text.slice(0, 50).map((one) => one.len)),
    retransmissions: again, retransmitted_bytes: bytes - unique, pure_acks: own.length - text.length - 2, syns: 1, fins: 1, resets: 0,
    counts: Object.fromEntries(MARKS.map((word) => [word.replaceAll("-", "_"), has(word)])),
    syn: { mss: 1460, window_scale: 7, sack_permitted: true, timestamps: true, window: 64240 }, window_shift: 7,
    window_min: windows.reduce((x, y) => Math.min(x, y), Infinity), window_max: windows.reduce((x, y) => Math.max(x, y), 0),
    in_flight_max: own.reduce((most, one) => Math.max(most, one.inFlight), 0), in_flight_max_window: null,
    goodput: rate(unique), throughput: rate(bytes), rtt, rtt_by_timestamps: { ...rtt, samples: 0 },
  };
}

function report(title, runs, language = "en") {
  return {
    version: 1, generator: "handfast 0.1.0", language, title, states: STATES, marks: MARKS,
    limits: LIMITS.map((id, i) => ({ id, words: LIMIT_WORDS[language][i] })), runs,
  };
}

/** Frames of the first connection with a mark. */
function framesWith(transfer, word, most = 4) {
  const frames = [];
  transfer.log.forEach((one, i) => one.marks & bit(word) && frames.length < most && frames.push(i + 1));
  return frames;
}

const LOSSY = { bytes: 1_400_000, rate: 16e6, delay: 0.02, queue: 70_000, loss: 0.002, burst: [330, 7], tail: true, seed: 12, rest: [1.0, 1.22], buffer: 180_000 };

function findings(transfer, language) {
  const en = language === "en";
  const evidence = (word, text) => framesWith(transfer, word).map((frame) => ({ frame, text }));
  return [
    {
      kind: "burst-loss", connection: 0, side: "a", cost: 0.221, rule: "RFC 6675 5, RFC 9438 4.6",
      title: en ? "A burst of seven segments was lost" : "Потеряна серия из семи сегментов",
      text: en ? "7 of 967 segments were lost in one place; the window shrank by 30 % and needed 0.22 s to grow back." : "Из 967 сегментов подряд потеряны 7; окно перегрузки сократилось на 30 % и восстанавливалось 0,22 с.",
      advice: en ? "Look at the queue of the slowest link: a burst behind a full window is an overflow, and a smaller window or pacing avoids it." : "Проверьте очередь самого медленного участка: серия потерь при полном окне означает переполнение; помогут меньшее окно или ровный темп отправки.",
      evidence: evidence("fast-retransmission", en ? "sent again after SACK blocks beyond it" : "передан повторно: SACK подтвердил данные за ним"),
    },
    {
      kind: "zero-window", connection: 0, side: "b", cost: 0.18, rule: "RFC 9293 3.8.6",
      title: en ? "The reader of b rests" : "Приложение на стороне b перестаёт читать",
      text: en ? "b closed its window for 0.18 s: its application did not read." : "Сторона b закрыла окно на 0,18 с: приложение не читало данные.",
      advice: en ? "Read faster, or give the socket a larger buffer." : "Читайте быстрее или увеличьте буфер сокета.",
      evidence: evidence("zero-window", en ? "a window of 0" : "окно равно 0"),
    },
    {
      kind: "tail-loss", connection: 0, side: "a", cost: 0.09, rule: "RFC 8985 7",
      title: en ? "The end of the flight was lost" : "Потерян хвост передачи",
      text: en ? "The last two segments were lost; a probe found that after two round trips." : "Потеряны два последних сегмента; это выяснилось через два оборота благодаря пробе.",
      advice: null, evidence: evidence("tail-loss-probe", en ? "probes the tail" : "проба хвоста"),
    },
  ];
}

function ordinary(language) {
  const transfer = simulate(LOSSY);
  const maker = new RunMaker(0, "PUT http://web.lab/upload").add(transfer);
  maker.add(simulate({ bytes: 90_000, sender: 1, seed: 3, rate: 50e6 }), { began: 0.4, told: null });
  maker.add(simulate({ bytes: 40_000, seed: 4, loss: 0.05 }), { began: 0.9, conn: { close: "reset", close_words: language === "en" ? "reset by b" : "сброшено стороной b", resets: [{ frame: 1300, by: "b", state: "ESTABLISHED", other_state: "ESTABLISHED", ignored: false }], idle: [{ frame: 1290, by: "a", seconds: 0.31 }] } });
  maker.add(simulate({ bytes: 30_000, seed: 5 }), { began: 1.1, noDetail: true });
  const title = language === "en" ? "Upload over a lossy link" : "Загрузка по каналу с потерями";
  return [report(title, [maker.done(findings(transfer, language))], language), maker.details];
}

export function large(count = 100_000) {
  // With an acknowledgment for each two segments, two thirds are data.
  const transfer = simulate({ bytes: Math.round((count * 2) / 3) * 1448, rate: 400e6, delay: 0.01, queue: 700_000, loss: 0.0003, seed: 77, buffer: 3_000_000 });
  transfer.log.length = Math.min(transfer.log.length, count);
  const maker = new RunMaker(0, "large.pcapng").add(transfer, { conn: { omitted: 0 } });
  return [report("A hundred thousand segments", [maker.done()]), maker.details];
}

export function many(count = 1_000) {
  const next = random(5);
  const models = [1, 2, 3, 4, 5].map((seed) => simulate({ bytes: 20_000 + 30_000 * seed, seed, loss: seed * 0.01 }));
  const maker = new RunMaker(0, "many.pcapng", { source: "capture", incomplete: ["2 frames end before their headers do"] });
  for (let i = 0; i < count; i++) {
    const close = [["closed", "closed by both"], ["reset", "reset by b"], ["no-answer", "no answer"]][i % 17 === 0 ? 1 : i % 41 === 0 ? 2 : 0];
    const conn = { a: `10.0.${i >> 8}.${i & 255}:${40000 + i}`, b: i % 3 ? "[2001:db8::2]:443" : "10.0.0.2:80", close: close[0], close_words: close[1] };
    maker.add(models[i % models.length], { began: next() * 60, told: null, noDetail: i >= 12, conn });
  }
  const list = Array.from({ length: 9 }, (_, i) => ({ kind: "loss", title: `Finding ${i + 1}`, text: "Something that cost time.", connection: i, side: "a", cost: 1 / (i + 1), rule: "RFC 5681 3.2", advice: i % 2 ? "Do something." : null, evidence: Array.from({ length: 8 }, (_, k) => ({ frame: k + 3, text: "shows it" })) }));
  return [report("A busy link", [maker.done(list)]), maker.details];
}

function pair(language) {
  const slow = simulate({ ...LOSSY, rest: null });
  const fast = simulate({ ...LOSSY, rest: null, loss: 0, burst: null, tail: false, queue: 200_000, seed: 13 });
  const a = new RunMaker(0, "reno.pcapng").add(slow);
  const b = new RunMaker(1, "cubic-paced.pcapng").add(fast);
  const [lost] = findings(slow, language);
  const fine = { ...lost, kind: "healthy", title: "Nothing is wrong", text: "The link's rate was the limit.", cost: null, advice: null, rule: null, evidence: [] };
  return [report("Before and after", [a.done([lost]), b.done([fine])], language), { ...a.details, ...b.details }];
}

function hostile() {
  const evil = '</script><img src=x onerror="document.title=\'pwned\'"><b>x</b>';
  const transfer = simulate({ bytes: 30_000, seed: 2, loss: 0.03 });
  transfer.log.forEach((one) => (one.comment = one.comment && `${evil}${one.comment}`));
  const maker = new RunMaker(0, evil, { names: { "10.0.0.1": evil, __proto__: "x" }, incomplete: [evil] }).add(transfer, { conn: { close_words: evil } });
  return [report(evil, [maker.done([{ kind: "x", title: evil, text: evil, connection: 0, side: "a", cost: 1, rule: evil, advice: evil, evidence: [{ frame: 3, text: evil }, { frame: 999_999, text: evil }] }])]), maker.details];
}

function bare() {
  const maker = new RunMaker(0, "bare.pcap", { source: "capture", epoch: null }).add(simulate({ bytes: 9_000 }), { noDetail: true });
  return [report("Only figures", [maker.done()]), maker.details];
}

function broken() {
  const maker = new RunMaker(0, "broken.pcap").add(simulate({ bytes: 9_000 }));
  return [report("Damaged", [maker.done()]), { "d0-0": maker.details["d0-0"].slice(0, 200) }];
}

export const DOCUMENTS = {
  ordinary: () => ordinary("en"), russian: () => ordinary("ru"), large, many, pair: () => pair("en"), "pair-ru": () => pair("ru"), hostile, bare, broken,
};

/** The whole page for one of DOCUMENTS. */
export function makePage(name) {
  const template = readFileSync(join(here, "../dist/report.html"), "utf8");
  return fill(template, ...DOCUMENTS[name]());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2];
  if (!folder) throw new Error("say where to: node test/make.mjs FOLDER");
  mkdirSync(folder, { recursive: true });
  for (const name of Object.keys(DOCUMENTS)) {
    const html = makePage(name);
    writeFileSync(join(folder, `${name}.html`), html);
    console.log(`${name}.html: ${Buffer.byteLength(html)} bytes`);
  }
}
