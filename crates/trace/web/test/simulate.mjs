// A small TCP transfer in virtual time: slow start, losses, SACK recovery, probes, timeouts, a reader
// that rests. It is no referee of anything: it makes pictures that look as real ones do.

export const MARKS = [
  "gap", "out-of-order", "duplicated", "fast-retransmission", "timeout-retransmission", "tail-loss-probe",
  "other-retransmission", "spurious", "acks-unseen", "duplicate-ack", "duplicate-report", "zero-window",
  "zero-window-probe", "zero-window-probe-ack", "window-update", "window-full", "keep-alive", "keep-alive-ack",
  "bad-checksum", "by-timestamp", "by-identification", "by-time",
];
export const STATES = [
  "CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT",
  "CLOSING", "LAST-ACK", "TIME-WAIT",
];
export const LIMITS = ["handshake", "application", "congestion-window", "receive-window", "recovery", "pacing"];
export const FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 };
export const bit = (word) => 2 ** MARKS.indexOf(word);

export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Heap {
  items = [];
  order = 0;
  push(at, run) {
    const { items } = this;
    items.push({ at, order: this.order++, run });
    let i = items.length - 1;
    for (let up = (i - 1) >> 1; i > 0 && this.before(items[i], items[up]); i = up, up = (i - 1) >> 1) {
      [items[i], items[up]] = [items[up], items[i]];
    }
  }
  pop() {
    const { items } = this;
    const first = items[0];
    const last = items.pop();
    if (items.length > 0) {
      items[0] = last;
      for (let i = 0; ; ) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) if (child < items.length && this.before(items[child], items[least])) least = child;
        if (least === i) break;
        [items[i], items[least]] = [items[least], items[i]];
        i = least;
      }
    }
    return first;
  }
  before(x, y) {
    return x.at < y.at || (x.at === y.at && x.order < y.order);
  }
}

const DEFAULTS = {
  bytes: 2_000_000, mss: 1448, rate: 20e6, delay: 0.02, queue: 60_000, loss: 0, burst: null, tail: false, seed: 1,
  buffer: 300_000, rest: null, sender: 0, ackEach: 2, jitter: 0.0002,
};

export function simulate(options) {
  return new Transfer({ ...DEFAULTS, ...options }).run();
}

class Transfer {
  constructor(options) {
    this.o = options;
    this.random = random(options.seed);
    this.heap = new Heap();
    this.now = 0;
    this.log = [];
    this.drops = [];
    this.rtt = [];
    this.limits = [[], []];
    this.windows = [];
    this.events = [];
    this.state = [0, 1];
    this.count = Math.ceil(options.bytes / options.mss);
    const n = this.count;
    Object.assign(this, {
      status: new Uint8Array(n), lost: new Uint8Array(n), times: new Uint8Array(n), sentAt: new Float64Array(n), logged: new Int32Array(n),
      una: 0, next: 0, pipe: 0, highest: -1, cwnd: 10 * options.mss, ssthresh: Infinity, recovery: -1, kind: "fast",
      srtt: 0, variance: 0, rto: 1, window: options.buffer, timer: 0, probed: false, lastLimit: -1,
      got: new Uint8Array(n), want: 0, unacked: 0, recent: [], consumed: 0, busy: 0, lostQueue: [], finished: false,
    });
  }

  run() {
    const { o, heap } = this;
    const rtt = 2 * o.delay + 0.0004;
    const [s, r] = [o.sender, 1 - o.sender];
    this.limit("handshake");
    this.state = [2, 1];
    this.segment({ side: 0, flags: FLAG.SYN, seq: 0, window: 64240, comment: "the application connects (RFC 9293 3.5)" });
    this.at(o.sender === 0 ? rtt : 0.0001, () => {
      this.state = [2, 3];
      this.segment({ side: 1, flags: FLAG.SYN | FLAG.ACK, seq: 0, ack: 1, window: 65160 });
    });
    this.at(rtt + 0.0001, () => {
      this.state = [4, 4];
      this.segment({ side: 0, flags: FLAG.ACK, seq: 1, ack: 1, window: o.buffer, comment: "answers the SYN" });
      if (s === 1) this.segment({ side: 0, flags: FLAG.ACK | FLAG.PSH, seq: 1, len: 180, ack: 1, window: o.buffer, comment: "text of the application" });
    });
    this.from = s === 1 ? 1 : 1;
    this.peerNext = s === 1 ? 181 : 1;
    this.at(rtt + 0.0015, () => {
      this.note("", true);
      this.fillPipe();
    });
    if (o.rest) this.at(o.rest[1], () => this.wake());
    while (heap.items.length > 0 && this.log.length < 400_000) {
      const event = heap.pop();
      this.now = event.at;
      event.run();
    }
    void r;
    return this;
  }

  at(time, run) {
    this.heap.push(time, run);
  }

  segment(fields) {
    const { o } = this;
    const tick = Math.floor(this.now * 1000);
    const one = { at: this.now, len: 0, ack: 0, window: 0, inFlight: 0, marks: 0, comment: "", sacks: [], tsval: 1000 + tick, tsecr: 0, ...fields };
    one.tsecr = fields.ack ? 1000 + Math.max(tick - Math.round(o.delay * 2000), 0) : 0;
    one.state = [...this.state];
    this.log.push(one);
    return this.log.length - 1;
  }

  limit(word) {
    const value = LIMITS.indexOf(word);
    if (value === this.lastLimit) return;
    this.lastLimit = value;
    this.limits[this.o.sender].push([this.now, value]);
  }

  note(text, isWindow) {
    if (isWindow) {
      const pacing = this.srtt > 0 ? Math.round((this.cwnd * 1.2) / this.srtt) : 0;
      this.windows.push([this.now, Math.round(this.cwnd), Number.isFinite(this.ssthresh) ? Math.round(this.ssthresh) : -1, pacing, text]);
    }
    if (text) this.events.push([this.now, text]);
  }

  seqOf(i) {
    return this.from + i * this.o.mss;
  }

  fillPipe() {
    const { o } = this;
    for (let guard = 0; guard < 10_000; guard++) {
      while (this.lostQueue.length > 0 && !(this.lost[this.lostQueue[0]] && this.status[this.lostQueue[0]] === 1)) this.lostQueue.shift();
      const isAgain = this.lostQueue.length > 0;
      const isFirstAgain = isAgain && this.lostQueue[0] === this.una;
      if ((this.pipe + 1) * o.mss > this.cwnd && !(isFirstAgain && this.pipe === 0)) {
        this.limit(this.recovery >= 0 ? "recovery" : "congestion-window");
        break;
      }
      if (isAgain) {
        const i = this.lostQueue.shift();
        this.lost[i] = 0;
        this.send(i, bit(`${this.kind}-retransmission`), this.kind === "fast" ? "SACK blocks lie beyond it: lost (RFC 6675 5)" : "the retransmission timer ran out (RFC 6298 5.4)");
        continue;
      }
      if (this.next >= this.count) {
        this.limit("application");
        break;
      }
      if (this.seqOf(this.next) + o.mss > this.edge()) {
        this.limit("receive-window");
        break;
      }
      this.send(this.next++, 0, this.recovery < 0 && this.cwnd < this.ssthresh ? "slow start: the window opened (RFC 5681 3.1)" : "the window opened (RFC 5681 3.1)");
    }
    this.arm();
  }

  edge() {
    return this.seqOf(this.una) + this.window;
  }

  send(i, marks, comment) {
    const { o } = this;
    const len = Math.min(o.mss, o.bytes - i * o.mss);
    if (this.times[i] === 0) this.status[i] = 1;
    this.times[i]++;
    this.sentAt[i] = this.now;
    this.pipe++;
    const isFull = this.seqOf(i) + len >= this.edge() - o.mss && !marks;
    const flags = FLAG.ACK | (i === this.count - 1 ? FLAG.PSH : 0);
    this.logged[i] = this.segment({
      side: o.sender, flags, seq: this.seqOf(i), len, ack: this.peerNext, window: 131072, marks: marks | (isFull ? bit("window-full") : 0), comment,
      inFlight: (this.next - this.una) * o.mss,
    });
    this.carry(i, len);
  }

  carry(i, len) {
    const { o } = this;
    const queued = (Math.max(this.busy - this.now, 0) * o.rate) / 8;
    const isBurst = o.burst && this.times[i] === 1 && i >= o.burst[0] && i < o.burst[0] + o.burst[1];
    const isTail = o.tail && this.times[i] === 1 && i >= this.count - 2;
    if (queued + len > o.queue || this.random() < o.loss || isBurst || isTail) {
      this.drops.push([this.now + 1e-6, o.sender, this.seqOf(i), len]);
      return;
    }
    this.busy = Math.max(this.busy, this.now) + ((len + 66) * 8) / o.rate;
    const logged = this.logged[i];
    this.at(this.busy + o.delay, () => this.arrive(i, logged));
  }

  isResting() {
    const { rest } = this.o;
    return rest !== null && this.now >= rest[0] && this.now < rest[1];
  }

  arrive(i, logged) {
    if (this.got[i]) {
      this.log[logged].marks |= bit("spurious");
      const start = this.seqOf(i);
      this.answer([[start, start + this.log[logged].len]], true);
      return;
    }
    this.got[i] = 1;
    const isInOrder = i === this.want;
    while (this.want < this.count && this.got[this.want]) this.want++;
    if (!this.isResting()) this.consumed = this.want;
    this.unacked++;
    const isHole = this.highestGot !== undefined && this.highestGot > this.want;
    this.highestGot = Math.max(this.highestGot ?? 0, i);
    if (!isInOrder) this.recent = [i, ...this.recent].slice(0, 12);
    if (!isInOrder || isHole || this.unacked >= this.o.ackEach || this.want === this.count) this.answer([], false);
    else {
      const { want } = this;
      this.at(this.now + 0.04, () => this.want === want && this.unacked > 0 && this.answer([], false));
    }
  }

  wake() {
    this.consumed = this.want;
    this.answer([], false, bit("window-update"));
  }

  answer(first, isTwice, extra = 0) {
    const { o } = this;
    this.unacked = 0;
    const blocks = [...first, ...this.blocks()].slice(0, 3);
    const room = Math.max(o.buffer - (this.want - this.consumed) * o.mss, 0);
    const window = room < o.mss ? 0 : room;
    const { want } = this;
    this.at(this.now + o.delay + this.random() * o.jitter, () => this.onAck(want, window, blocks, isTwice, extra));
  }

  blocks() {
    const blocks = [];
    for (const i of this.recent) {
      if (i < this.want || blocks.some(([from, to]) => this.seqOf(i) >= from && this.seqOf(i) < to)) continue;
      let [low, high] = [i, i];
      while (low > this.want && this.got[low - 1]) low--;
      while (high + 1 < this.count && this.got[high + 1]) high++;
      blocks.push([this.seqOf(low), Math.min(this.seqOf(high + 1), this.from + this.o.bytes)]);
      if (blocks.length === 3) break;
    }
    return blocks;
  }

  onAck(want, window, blocks, isTwice, extra) {
    const { o } = this;
    if (this.finished) return;
    const isSame = want === this.una && this.next > this.una;
    let marks = extra;
    if (isSame && (blocks.length > 0 || window === this.window) && !extra) marks |= bit("duplicate-ack");
    if (isTwice) marks |= bit("duplicate-report");
    if (window === 0) marks |= bit("zero-window");
    const ack = Math.min(this.seqOf(want), this.from + o.bytes);
    this.segment({ side: 1 - o.sender, flags: FLAG.ACK, seq: this.peerNext, ack, window, marks, sacks: blocks, comment: "" });
    this.window = window;
    if (want > this.una) this.advance(want);
    for (const [from, to] of isTwice ? blocks.slice(1) : blocks) this.sack(from, to);
    this.detect();
    if (this.una === this.count) this.finish();
    else this.fillPipe();
  }

  advance(want) {
    const { o } = this;
    const last = want - 1;
    if (this.times[last] === 1 && this.status[last] === 1) this.sample(this.now - this.sentAt[last]);
    let fresh = 0;
    for (let i = this.una; i < want; i++) {
      if (this.status[i] === 1 && !this.lost[i]) this.pipe -= 1;
      this.status[i] = 3;
      this.lost[i] = 0;
      fresh++;
    }
    this.una = want;
    this.next = Math.max(this.next, want);
    this.pipe = Math.max(this.pipe, 0);
    this.probed = false;
    if (this.recovery >= 0 && want >= this.recovery) {
      this.recovery = -1;
      this.kind = "fast";
      this.note("recovery is over (RFC 6675 5)", true);
    }
    if (this.recovery < 0 || this.kind === "timeout") {
      if (this.cwnd < this.ssthresh) this.cwnd += fresh * o.mss;
      else this.cwnd += (fresh * o.mss * o.mss) / this.cwnd;
      this.note("", true);
    }
  }

  sample(rtt) {
    if (this.srtt === 0) [this.srtt, this.variance] = [rtt, rtt / 2];
    else {
      this.variance += (Math.abs(this.srtt - rtt) - this.variance) / 4;
      this.srtt += (rtt - this.srtt) / 8;
    }
    this.rto = Math.max(this.srtt + 4 * this.variance, 0.2);
    this.rtt.push([this.now, rtt, this.srtt, this.rto]);
  }

  sack(from, to) {
    const { o } = this;
    for (let i = Math.floor((from - this.from) / o.mss); i < this.count && this.seqOf(i) < to; i++) {
      if (this.status[i] !== 1) continue;
      if (!this.lost[i]) this.pipe = Math.max(this.pipe - 1, 0);
      this.status[i] = 2;
      this.lost[i] = 0;
      this.highest = Math.max(this.highest, i);
    }
  }

  detect() {
    let isNew = false;
    for (let i = this.una; i < this.highest - 2; i++) {
      const isOld = this.times[i] === 1 || this.now - this.sentAt[i] > Math.max(this.srtt * 1.25, 0.001);
      if (this.status[i] !== 1 || this.lost[i] || !isOld) continue;
      this.lost[i] = 1;
      this.lostQueue.push(i);
      this.pipe = Math.max(this.pipe - 1, 0);
      isNew = true;
    }
    if (!isNew || this.recovery >= 0) return;
    this.recovery = this.next;
    this.kind = "fast";
    this.ssthresh = Math.max(this.cwnd * 0.7, 2 * this.o.mss);
    this.cwnd = this.ssthresh;
    this.note("loss found by SACK: recovery begins (RFC 6675 5, RFC 9438 4.6)", true);
  }

  arm() {
    const turn = ++this.timer;
    if (this.una >= this.next) return;
    const probe = Math.max(2 * (this.srtt || 0.1), 0.01);
    const delay = this.probed || this.recovery >= 0 ? this.rto : Math.min(probe, this.rto);
    this.at(this.now + delay, () => turn === this.timer && this.expire());
  }

  expire() {
    if (this.finished || this.una >= this.next) return;
    if (this.window === 0) {
      this.segment({ side: this.o.sender, flags: FLAG.ACK, seq: this.seqOf(this.next) - 1, ack: this.peerNext, window: 131072, marks: bit("zero-window-probe"), comment: "asks whether the window has opened (RFC 9293 3.8.6.1)" });
      this.arm();
      return;
    }
    if (!this.probed && this.recovery < 0) {
      this.probed = true;
      const last = this.next - 1;
      this.note("probe timer fired (RFC 8985 7)", false);
      if (this.status[last] === 1) this.pipe = Math.max(this.pipe - 1, 0);
      this.send(last, bit("tail-loss-probe"), "no answer for two round trips: probes the tail (RFC 8985 7.3)");
      this.arm();
      return;
    }
    this.note("retransmission timer fired (RFC 6298 5)", false);
    this.kind = "timeout";
    this.recovery = this.next;
    this.ssthresh = Math.max(this.cwnd * 0.7, 2 * this.o.mss);
    this.cwnd = this.o.mss;
    this.rto *= 2;
    this.pipe = 0;
    this.lostQueue = [];
    for (let i = this.una; i < this.next; i++) {
      if (this.status[i] !== 1) continue;
      this.lost[i] = 1;
      this.lostQueue.push(i);
    }
    this.note("window back to one segment (RFC 5681 3.1)", true);
    this.fillPipe();
  }

  finish() {
    const { o } = this;
    this.finished = true;
    const end = this.from + o.bytes;
    const [s, r] = [o.sender, 1 - o.sender];
    const both = (own, other) => (s === 0 ? [own, other] : [other, own]);
    this.limit("application");
    this.state = both(5, 4);
    this.segment({ side: s, flags: FLAG.FIN | FLAG.ACK, seq: end, ack: this.peerNext, window: 131072, comment: "the application closed (RFC 9293 3.6)", inFlight: 1 });
    const rtt = 2 * o.delay;
    this.at(this.now + rtt, () => {
      this.state = both(6, 7);
      this.segment({ side: r, flags: FLAG.ACK, seq: this.peerNext, ack: end + 1, window: o.buffer });
    });
    this.at(this.now + rtt + 0.001, () => {
      this.state = both(10, 9);
      this.segment({ side: r, flags: FLAG.FIN | FLAG.ACK, seq: this.peerNext, ack: end + 1, window: o.buffer });
    });
    this.at(this.now + rtt + 0.0011, () => {
      this.state = both(10, 0);
      this.segment({ side: s, flags: FLAG.ACK, seq: end + 1, ack: this.peerNext + 1, window: 131072, comment: "acknowledges the FIN (RFC 9293 3.10.7.4)" });
    });
  }
}
