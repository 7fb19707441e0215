// What the reader points at: the segment that is selected and the moment under the pointer.

import { Signal } from "../signal";

export class Moment {
  /** Index of the selected segment. */
  readonly selected = new Signal<number | null>(null);
  /** Seconds under the pointer in any plot. */
  readonly hover = new Signal<number | null>(null);
}
