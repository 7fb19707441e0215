// The findings as cards, the worst first; their evidence leads to the segments.

import { h } from "./dom";
import { time } from "./format";
import { endName } from "./names";
import type { Finding, Run } from "./types";
import { words } from "./words";

/** Where a reader may go from a finding. */
export interface Ways {
  toFrame: (connection: number | null, frame: number) => void;
  toConnection: (connection: number) => void;
}

/** So many cards are open at first. */
const SHOWN = 5;
const EVIDENCE_SHOWN = 4;

export function findingsSection(run: Run, ways: Ways): HTMLElement {
  const text = words().findings;
  const cards = run.findings.map((finding, i) => card(run, finding, i, ways));
  const list = h("ol", { class: "cards" }, ...cards.slice(0, SHOWN));
  const rest = cards.slice(SHOWN);
  return h(
    "section",
    { class: "findings", id: "findings", "aria-label": text.title },
    h("h2", {}, text.title, h("span", { class: "count" }, run.findings.length)),
    cards.length === 0 ? h("p", { class: "muted" }, text.none) : list,
    rest.length === 0 ? null : moreButton(rest.length, "", (isOpen) => (isOpen ? list.append(...rest) : rest.forEach((card) => card.remove()))),
  );
}

function moreButton(n: number, kind: string, toggle: (isOpen: boolean) => void): HTMLElement {
  let isOpen = false;
  const text = words().findings;
  const button: HTMLButtonElement = h("button", {
    type: "button",
    class: `more ${kind}`,
    "aria-expanded": "false",
    click: () => {
      isOpen = !isOpen;
      button.textContent = isOpen ? text.less : text.more(n);
      button.setAttribute("aria-expanded", String(isOpen));
      toggle(isOpen);
    },
  }, text.more(n));
  return button;
}

function card(run: Run, finding: Finding, index: number, ways: Ways): HTMLElement {
  const text = words().findings;
  return h(
    "li",
    { class: "card", "data-kind": finding.kind },
    h(
      "header",
      {},
      h("span", { class: "rank", "aria-hidden": "true" }, index + 1),
      h("h3", {}, finding.title),
      finding.cost === null || finding.cost <= 0 ? null : h("span", { class: "cost" }, text.cost(time(finding.cost))),
    ),
    h(
      "div",
      { class: "card-body" },
      h(
        "div",
        {},
        h("p", { class: "finding-text" }, finding.text),
        finding.advice ? h("p", { class: "advice" }, h("b", {}, text.advice), finding.advice) : null,
        foot(run, finding, ways),
      ),
      evidence(finding, ways),
    ),
  );
}

function evidence(finding: Finding, ways: Ways): HTMLElement | null {
  const text = words().findings;
  if (finding.evidence.length === 0) return null;
  const items = finding.evidence.map(({ frame, text: what }) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "link", "data-frame": frame, click: () => ways.toFrame(finding.connection, frame) },
        text.frame(frame),
      ),
      h("span", {}, what),
    ),
  );
  const rest = items.slice(EVIDENCE_SHOWN);
  const list = h("ul", { class: "evidence", "aria-label": text.evidence }, ...items.slice(0, EVIDENCE_SHOWN));
  const toggle = (isOpen: boolean): void => (isOpen ? list.append(...rest) : rest.forEach((item) => item.remove()));
  return h("div", {}, h("h4", {}, text.evidence), list, rest.length > 0 ? moreButton(rest.length, "link", toggle) : null);
}

function foot(run: Run, finding: Finding, ways: Ways): HTMLElement | null {
  const text = words().findings;
  const index = finding.connection;
  const conn = index === null ? undefined : run.connections[index];
  const parts = [
    finding.rule ? h("span", {}, `${text.rule}: ${finding.rule}`) : null,
    conn && index !== null
      ? h(
          "button",
          {
            type: "button",
            class: "link quiet",
            title: `${endName(run, conn.a)} → ${endName(run, conn.b)}`,
            click: () => ways.toConnection(index),
          },
          // Where there are several, their numbers tell nobody who they are.
          run.connections.length > 1 ? `${text.connection(index + 1)}: ${endName(run, conn.a)} → ${endName(run, conn.b)}` : text.connection(index + 1),
        )
      : null,
    finding.side ? h("span", { class: `side-${finding.side}` }, text.side(finding.side)) : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : h("footer", {}, ...parts);
}
