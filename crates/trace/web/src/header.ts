// The head of the page: what the report is of, language, theme, print; with two runs the switch
// between them.

import { h } from "./dom";
import { clock, count } from "./format";
import type { Choice } from "./theme";
import { theme } from "./theme";
import type { LanguageCode, Report, Run } from "./types";
import { words } from "./words";

const CHOICES: readonly Choice[] = ["auto", "light", "dark"];

export interface HeaderActions {
  language: LanguageCode;
  speak: (language: LanguageCode) => void;
}

export function header(report: Report, run: Run | null, actions: HeaderActions): HTMLElement {
  const text = words().header;
  return h(
    "header",
    { class: "page-head" },
    h("div", { class: "page-title" }, h("h1", {}, report.title), run ? about(report, run) : h("p", { class: "about" }, report.generator)),
    h(
      "div",
      { class: "controls no-print" },
      languageSwitch(actions),
      themeSwitch(),
      h("button", { type: "button", click: () => print() }, text.print),
    ),
  );
}

function about(report: Report, run: Run): HTMLElement {
  const text = words().header;
  const parts = [
    run.name === report.title ? null : run.name,
    run.source === "live" ? text.live : text.capture,
    clock(run.epoch, 0)?.replace(/\.\d+ /, " ") ?? null,
    text.connections(run.connections.length, count(run.connections.length)),
    text.frames(count(run.frames)),
    run.other_frames > 0 ? text.other(count(run.other_frames)) : null,
    run.fragments > 0 ? text.fragments(count(run.fragments)) : null,
    report.generator,
  ];
  return h("p", { class: "about" }, ...parts.filter((part) => part !== null).map((part) => h("span", {}, part)));
}

function languageSwitch(actions: HeaderActions): HTMLElement {
  const button = (code: LanguageCode, name: string): HTMLElement =>
    h("button", { type: "button", lang: code, title: name, "aria-pressed": String(code === actions.language), click: () => actions.speak(code) }, code.toUpperCase());
  return h("span", { class: "switch", role: "group", "aria-label": words().header.language }, button("en", "English"), button("ru", "Русский"));
}

function themeSwitch(): HTMLElement {
  const text = words().header;
  const buttons = CHOICES.map((choice) => {
    const isChosen = (): string => String(theme.choice.get() === choice);
    const button = h("button", { type: "button", "data-theme-choice": choice, "aria-pressed": isChosen(), click: () => theme.choice.set(choice) }, text.themes[choice]);
    theme.choice.on(() => button.setAttribute("aria-pressed", isChosen()));
    return button;
  });
  return h("span", { class: "switch", role: "group", "aria-label": text.theme }, ...buttons);
}

/** What the analysis lacks, if anything. */
export function incomplete(run: Run): HTMLElement | null {
  if (run.incomplete.length === 0) return null;
  return h("aside", { class: "notice" }, h("b", {}, words().header.incomplete), h("ul", {}, ...run.incomplete.map((line) => h("li", {}, line))));
}
