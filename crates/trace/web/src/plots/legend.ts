// The legend of a plot: what each colour means, what it says at the moment pointed at, and switches
// for the series that can be hidden.

import { h } from "../dom";
import { words } from "../words";
import type { LegendEntry } from "./spec";

export class Legend {
  readonly element = h("ul", { class: "legend" });
  private readonly values: [LegendEntry, HTMLElement][] = [];

  constructor(entries: LegendEntry[], changed: () => void) {
    for (const entry of entries) this.element.append(h("li", {}, this.item(entry, changed)));
  }

  /** Shows what the series say at `time`. */
  tell(time: number | null): void {
    for (const [entry, element] of this.values) {
      element.textContent = time === null ? "" : (entry.value?.(time) ?? "");
    }
  }

  private item(entry: LegendEntry, changed: () => void): HTMLElement {
    const value = h("span", { class: "legend-value" });
    if (entry.value) this.values.push([entry, value]);
    // An entry without words is a mere value: it stands for no colour.
    if (entry.words === "") return h("span", { class: "legend-item" }, value);
    const swatch = h("i", { class: `swatch swatch-${entry.swatch}`, style: `--swatch: var(--${entry.colour})`, "aria-hidden": "true" });
    if (entry.shown === undefined) return h("span", { class: "legend-item" }, swatch, entry.words, value);
    const button: HTMLButtonElement = h(
      "button",
      {
        class: "legend-item",
        type: "button",
        "aria-pressed": String(entry.shown),
        title: words().plots.hide,
        click: () => {
          entry.shown = !entry.shown;
          button.setAttribute("aria-pressed", String(entry.shown));
          changed();
        },
      },
      swatch,
      entry.words,
      value,
    );
    return button;
  }
}
