// Which bytes of a stream pass for the first time.

/** Remembers what has been seen: everything below `next` except the gaps. */
export class Fresh {
  private next = -1;
  /** Gaps in order, each [from, to). */
  private gaps: [number, number][] = [];

  /** How many bytes of from..to had not been seen; they are now. */
  add(from: number, to: number): number {
    if (to <= from) return 0;
    if (this.next < 0) this.next = from;
    let fresh = from < this.next ? this.fill(from, Math.min(to, this.next)) : 0;
    if (to > this.next) {
      if (from > this.next) this.gaps.push([this.next, from]);
      fresh += to - Math.max(from, this.next);
      this.next = to;
    }
    return fresh;
  }

  private fill(from: number, to: number): number {
    if (this.gaps.length === 0) return 0;
    let fresh = 0;
    const left: [number, number][] = [];
    for (const [start, end] of this.gaps) {
      const [low, high] = [Math.max(start, from), Math.min(end, to)];
      if (low >= high) {
        left.push([start, end]);
        continue;
      }
      fresh += high - low;
      if (start < low) left.push([start, low]);
      if (high < end) left.push([high, end]);
    }
    this.gaps = left;
    return fresh;
  }
}
