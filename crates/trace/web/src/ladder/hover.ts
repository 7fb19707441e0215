// The card beside the pointer.

import { h } from "../dom";

const AWAY = 16;

export class Hover {
  private readonly element = h("div", { class: "hover-card", role: "tooltip", hidden: true });
  private shown = -1;

  /** Shows what `make` gives for `key` beside the pointer. */
  show(key: number, pointer: PointerEvent, make: () => HTMLElement): void {
    const { element } = this;
    if (!element.isConnected) document.body.append(element);
    if (key !== this.shown || element.hidden) {
      element.replaceChildren(make());
      element.hidden = false;
      this.shown = key;
    }
    const { offsetWidth: width, offsetHeight: height } = element;
    const isLeft = pointer.clientX + AWAY + width > innerWidth;
    const x = isLeft ? Math.max(pointer.clientX - AWAY - width, 4) : pointer.clientX + AWAY;
    const y = Math.max(Math.min(pointer.clientY + AWAY, innerHeight - height - 8), 8);
    element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  hide(): void {
    this.element.hidden = true;
    this.shown = -1;
    this.element.remove();
  }
}
