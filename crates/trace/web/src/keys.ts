// The keyboard: what each key does, and the list of them.

import { h } from "./dom";
import { words } from "./words";

export interface Actions {
  pan: (share: number) => void;
  zoom: (factor: number) => void;
  whole: () => void;
  step: (by: number) => void;
  connection: (by: number) => void;
  turnOver: () => void;
}

const KEYS: Record<string, (actions: Actions) => void> = {
  ArrowLeft: (actions) => actions.pan(-0.2),
  ArrowRight: (actions) => actions.pan(0.2),
  "+": (actions) => actions.zoom(1 / 1.5),
  "=": (actions) => actions.zoom(1 / 1.5),
  "-": (actions) => actions.zoom(1.5),
  "0": (actions) => actions.whole(),
  n: (actions) => actions.step(1),
  j: (actions) => actions.step(1),
  p: (actions) => actions.step(-1),
  k: (actions) => actions.step(-1),
  "[": (actions) => actions.connection(-1),
  "]": (actions) => actions.connection(1),
  d: (actions) => actions.turnOver(),
};

/** Where a Russian layout has the same key, it does the same. */
const RUSSIAN: Record<string, string> = { т: "n", о: "j", з: "p", л: "k", х: "[", ъ: "]", в: "d", ",": "?" };

let dialog: HTMLDialogElement | null = null;

export function listenToKeys(actions: () => Actions | null): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (target.closest("input, select, textarea, dialog")) return;
    const key = KEYS[event.key] || event.key === "?" ? event.key : (RUSSIAN[event.key] ?? event.key);
    if (key === "?") showKeys();
    const ladderStep = target.closest(".ladder-scroll") ? { ArrowDown: 1, ArrowUp: -1 }[key] : undefined;
    const active = actions();
    if (key !== "?" && (active === null || !(KEYS[key] || ladderStep))) return;
    event.preventDefault();
    if (active === null) return;
    if (ladderStep) active.step(ladderStep);
    else KEYS[key]?.(active);
  });
}

export function showKeys(): void {
  const text = words().keys;
  dialog?.remove();
  const rows = text.rows.flatMap(([keys, what]) => [h("dt", {}, ...keys.split(" ").flatMap(keyCap)), h("dd", {}, what)]);
  dialog = h(
    "dialog",
    { class: "keys", "aria-label": text.title },
    h("header", {}, h("h3", {}, text.title), h("button", { type: "button", class: "icon", "aria-label": text.close, click: () => dialog?.close() }, "×")),
    h("dl", {}, ...rows),
  );
  document.body.append(dialog);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "?") dialog?.close();
  });
  dialog.showModal();
}

function keyCap(key: string): (Node | string)[] {
  return key === "/" ? [" / "] : [h("kbd", {}, key), " "];
}

/** The most useful keys, in one line. */
export function keyHints(): HTMLElement {
  const text = words().keys;
  const hint = (keys: string[], what: string): HTMLElement => h("span", {}, ...keys.map((key) => h("kbd", {}, key)), ` ${what}`);
  return h(
    "span",
    { class: "hints" },
    hint(["←", "→"], text.pan),
    hint(["+", "−"], text.zoom),
    hint(["0"], text.reset),
    hint(["n", "p"], text.next),
    h("button", { type: "button", class: "link quiet", click: showKeys }, h("kbd", {}, "?"), ` ${text.help}`),
  );
}
