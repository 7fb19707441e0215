// The stretch of time that all plots of a connection show.

import { Signal } from "../signal";

export interface Range {
  from: number;
  to: number;
}

/** No stretch is shorter: a nanosecond is what captures tell at best. */
const SPAN_MIN = 2e-8;

export class Zoom {
  readonly range: Signal<Range>;
  private readonly whole: Range;

  constructor(readonly total: number) {
    // Some air at both ends, so that the first and the last segment are not on the frame.
    const air = total * 0.015;
    this.whole = { from: -air, to: total + air };
    this.range = new Signal(this.whole);
  }

  get isWhole(): boolean {
    const { from, to } = this.range.get();
    return from <= this.whole.from && to >= this.whole.to;
  }

  show(from: number, to: number): void {
    const limit = this.whole.to - this.whole.from;
    const span = Math.min(Math.max(to - from, SPAN_MIN), limit);
    const middle = (from + to) / 2;
    const start = Math.min(Math.max(middle - span / 2, this.whole.from), this.whole.to - span);
    this.range.set({ from: start, to: start + span });
  }

  /** Scales the stretch by `factor`; the moment `at` stays where it is. */
  scale(factor: number, at?: number): void {
    const { from, to } = this.range.get();
    const fixed = at ?? (from + to) / 2;
    const span = Math.max((to - from) * factor, SPAN_MIN);
    const share = (fixed - from) / (to - from);
    this.show(fixed - span * share, fixed + span * (1 - share));
  }

  /** Moves by a share of the stretch. */
  pan(share: number): void {
    const { from, to } = this.range.get();
    const by = (to - from) * share;
    this.show(from + by, to + by);
  }

  reset(): void {
    this.range.set(this.whole);
  }

  /** Brings a moment into the stretch without another scale, if it is outside. */
  reveal(at: number): void {
    const { from, to } = this.range.get();
    if (at >= from && at <= to) return;
    this.show(at - (to - from) / 2, at + (to - from) / 2);
  }
}
