// The page of `handfast report`: reads the document, builds what is seen, and binds the keys.

import { Compare } from "./compare";
import { h } from "./dom";
import { header } from "./header";
import type { Actions } from "./keys";
import { listenToKeys } from "./keys";
import { measureInteractive } from "./measure";
import { RunView } from "./run";
import { theme } from "./theme";
import type { LanguageCode, Report } from "./types";
import { speak, words } from "./words";

/** A message stays for so long. */
const MESSAGE_TIME = 5_000;

type Shown = number | "compare";

class App {
  private readonly root = document.getElementById("app") as HTMLElement;
  private readonly message = h("p", { class: "message", role: "status", hidden: true });
  private language: LanguageCode;
  private shown: Shown;
  private view: RunView | null = null;
  private compare: Compare | null = null;
  private readonly connections = new Map<number, number>();
  private messageTimer = 0;

  constructor(private readonly report: Report) {
    this.language = report.language === "ru" ? "ru" : "en";
    this.shown = report.runs.length > 1 ? "compare" : 0;
    document.title = report.title;
    listenToKeys(() => this.actions());
  }

  async show(): Promise<void> {
    speak(this.language);
    this.keep();
    this.compare?.destroy();
    this.view?.destroy();
    this.compare = null;
    this.view = null;
    const run = this.shown === "compare" ? null : this.report.runs[this.shown];
    const head = header(this.report, run, { language: this.language, speak: (language) => this.speak(language) });
    const skip = h("a", { class: "skip", href: "#connection" }, words().header.skip);
    const tabs = this.report.runs.length > 1 ? [this.tabs()] : [];
    if (run === null) {
      const compare = (this.compare = new Compare(this.report, (chosen) => this.turnTo(chosen)));
      this.root.replaceChildren(skip, head, ...tabs, compare.element, this.message);
      await compare.start();
    } else {
      const view = (this.view = new RunView(this.report, run, (text) => this.say(text)));
      this.root.replaceChildren(skip, head, ...tabs, view.element, this.message);
      await view.open(this.connections.get(this.shown as number) ?? view.first());
    }
  }

  /** Remembers which connection of the run was looked at. */
  private keep(): void {
    const index = this.view ? this.report.runs.indexOf(this.view.of) : -1;
    if (this.view && index >= 0) this.connections.set(index, this.view.connection);
  }

  private tabs(): HTMLElement {
    const tab = (shown: Shown, text: string): HTMLElement =>
      h("button", { type: "button", "data-run": shown, "aria-pressed": String(this.shown === shown), click: () => this.turnTo(shown) }, text);
    const names = this.report.runs.map((run, i) => tab(i, `${"AB"[i] ?? i + 1}: ${run.name}`));
    return h("nav", { class: "tabs no-print", "aria-label": words().header.run }, tab("compare", words().header.compare), ...names);
  }

  private turnTo(shown: Shown): void {
    this.keep();
    this.shown = shown;
    void this.show();
  }

  private speak(language: LanguageCode): void {
    this.language = language;
    void this.show();
  }

  private say(text: string): void {
    this.message.textContent = text;
    this.message.hidden = false;
    clearTimeout(this.messageTimer);
    this.messageTimer = window.setTimeout(() => (this.message.hidden = true), MESSAGE_TIME);
  }

  private actions(): Actions | null {
    const run = this.view;
    const view = run?.view;
    const zoom = view?.zoom ?? this.compare?.zoom;
    if (!zoom) return null;
    return {
      pan: (share) => zoom.pan(share),
      zoom: (factor) => zoom.scale(factor, view?.fixed()),
      whole: () => zoom.reset(),
      step: (by) => view?.step(by),
      connection: (by) => {
        const next = run?.overview.neighbour(run.connection, by) ?? null;
        if (run && next !== null) void run.open(next);
      },
      turnOver: () => view?.turnOver(),
    };
  }
}

function read(): Report | null {
  const text = document.getElementById("report")?.textContent;
  return text ? (JSON.parse(text) as Report) : null;
}

async function start(): Promise<void> {
  theme.start();
  const report = read();
  if (report === null || report.version !== 1) {
    const text = words().header;
    const [title, why] = report === null ? [text.empty, text.emptyWhy] : [report.title, text.version(String(report.version))];
    document.getElementById("app")?.replaceChildren(h("main", { class: "empty" }, h("h1", {}, title), h("p", {}, why)));
    return;
  }
  await new App(report).show();
  measureInteractive();
}

void start();
