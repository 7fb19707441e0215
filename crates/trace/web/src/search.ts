// Places in sorted arrays.

type Sorted = ArrayLike<number>;

/** Index of the first value that is not below `value`. */
export function firstAtLeast(sorted: Sorted, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the last value that is not above `value`; -1 when all are. */
export function lastAtMost(sorted: Sorted, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Index of the value nearest to `value`; -1 in an empty array. */
export function nearest(sorted: Sorted, value: number): number {
  const after = firstAtLeast(sorted, value);
  if (after === 0) return sorted.length === 0 ? -1 : 0;
  if (after === sorted.length) return after - 1;
  return value - sorted[after - 1] <= sorted[after] - value ? after - 1 : after;
}
