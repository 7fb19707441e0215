// Dark or light, by the reader's choice or the system's; paper is always light. Canvases cannot read
// CSS variables, so their colours are looked up here.

import { Signal } from "./signal";

export type Choice = "auto" | "light" | "dark";
export type Theme = "light" | "dark";

const KEY = "handfast-theme";

const COLOURS = [
  "ink", "muted", "line", "grid", "surface", "accent", "a", "b", "ack", "window", "sack", "fast", "timeout",
  "probe", "other", "drop", "cwnd", "ssthresh", "flight", "pacing", "srtt", "rto", "goodput", "throughput",
  "limit-0", "limit-1", "limit-2", "limit-3", "limit-4", "limit-5", "limit-6", "limit-7", "limit-8", "limit-9",
] as const;
export type Colour = (typeof COLOURS)[number];

class ThemeStore {
  readonly choice = new Signal<Choice>("auto");
  readonly shown = new Signal<Theme>("light");
  private dark: MediaQueryList | null = null;
  private print: MediaQueryList | null = null;
  private colours = new Map<Colour, string>();

  start(): void {
    this.choice.set(stored());
    const apply = (): void => this.apply();
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.print = matchMedia("print");
    this.dark.addEventListener("change", apply);
    this.print.addEventListener("change", apply);
    this.choice.on((choice) => {
      store(choice);
      apply();
    });
    apply();
  }

  colour(name: Colour): string {
    return this.colours.get(name) ?? "#888";
  }

  private apply(): void {
    const choice = this.choice.get();
    const byChoice = choice === "auto" ? (this.dark?.matches ? "dark" : "light") : choice;
    const theme: Theme = this.print?.matches ? "light" : byChoice;
    document.documentElement.dataset["theme"] = theme;
    const style = getComputedStyle(document.documentElement);
    for (const name of COLOURS) this.colours.set(name, style.getPropertyValue(`--${name}`).trim());
    this.shown.set(theme);
  }
}

function stored(): Choice {
  try {
    const choice = localStorage.getItem(KEY);
    return choice === "light" || choice === "dark" ? choice : "auto";
  } catch {
    // Some browsers give files no storage: the system's choice holds then.
    return "auto";
  }
}

function store(choice: Choice): void {
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    return;
  }
}

export const theme = new ThemeStore();
