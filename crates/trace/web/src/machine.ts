// The state machine of RFC 9293, figure 5: where both sides are at the selected moment, and the way
// there.

import type { Subject } from "./describe";
import { h, s } from "./dom";
import type { Moment } from "./timeline/moment";
import type { Words } from "./words";
import { words } from "./words";
import type { Side } from "./types";
import { SIDES, SIDE_NAMES } from "./types";

const WIDTH = 118;
const HEIGHT = 28;

type Place = [x: number, y: number];
const PLACES: Record<string, Place> = {
  CLOSED: [330, 24],
  LISTEN: [330, 100],
  "SYN-RECEIVED": [110, 160],
  "SYN-SENT": [550, 160],
  ESTABLISHED: [330, 214],
  "FIN-WAIT-1": [110, 278],
  "CLOSE-WAIT": [550, 278],
  "FIN-WAIT-2": [110, 386],
  CLOSING: [330, 322],
  "LAST-ACK": [550, 346],
  "TIME-WAIT": [330, 386],
  END: [550, 420],
};

type LabelKey = Exclude<keyof Words["machine"], "title" | "about" | "at" | "reset">;
/** From, to, words, and where these stand: x, y and the anchor. */
type Edge = [from: string, to: string, label: LabelKey | null, at: [number, number, "start" | "middle" | "end"], path: string];

const EDGES: Edge[] = [
  ["CLOSED", "LISTEN", "passive", [324, 66, "end"], "M330 38V86"],
  ["CLOSED", "SYN-SENT", "active", [512, 60, "start"], "M389 30Q520 44 548 146"],
  ["LISTEN", "SYN-RECEIVED", "rcvSyn", [208, 112, "end"], "M271 106Q160 116 122 146"],
  ["LISTEN", "SYN-SENT", "sendSyn", [404, 101, "start"], "M389 106Q480 116 524 146"],
  ["SYN-SENT", "SYN-RECEIVED", "rcvSyn", [330, 154, "middle"], "M491 160H169"],
  ["SYN-SENT", "ESTABLISHED", "rcvSynAck", [460, 197, "end"], "M536 174Q500 208 389 212"],
  ["SYN-RECEIVED", "ESTABLISHED", "rcvAck", [200, 197, "start"], "M124 174Q160 208 271 212"],
  ["SYN-RECEIVED", "FIN-WAIT-1", "close", [92, 222, "end"], "M100 174V264"],
  ["ESTABLISHED", "FIN-WAIT-1", "close", [226, 252, "end"], "M290 228Q270 262 169 274"],
  ["ESTABLISHED", "CLOSE-WAIT", "rcvFin", [434, 252, "start"], "M370 228Q390 262 491 274"],
  ["CLOSE-WAIT", "LAST-ACK", "close", [558, 315, "start"], "M550 292V332"],
  ["FIN-WAIT-1", "FIN-WAIT-2", "rcvAckOfFin", [92, 335, "end"], "M100 292V372"],
  ["FIN-WAIT-1", "CLOSING", "rcvFin", [262, 296, "middle"], "M169 284Q290 288 322 308"],
  ["FIN-WAIT-1", "TIME-WAIT", "rcvFinAck", [206, 346, "middle"], "M150 292Q200 350 280 374"],
  ["FIN-WAIT-2", "TIME-WAIT", "rcvFin", [220, 402, "middle"], "M169 388H271"],
  ["CLOSING", "TIME-WAIT", "rcvAckOfFin", [338, 358, "start"], "M330 336V372"],
  ["LAST-ACK", "END", "rcvAckOfFin", [558, 386, "start"], "M550 360V406"],
  ["TIME-WAIT", "END", "timeout", [446, 398, "middle"], "M389 390Q460 414 491 418"],
];

const ALIASES: Record<string, string> = { SYNRCVD: "SYN-RECEIVED" };

function known(name: string | undefined): string | null {
  if (name === undefined) return null;
  const letters = name.toUpperCase().replace(/[^A-Z0-9]/g, "");
  return Object.keys(PLACES).find((place) => place.replace(/-/g, "") === letters) ?? ALIASES[letters] ?? null;
}

/** The states that a side was in up to segment `last`, each once when it stays. */
export function pathOf({ report, detail }: Subject, side: Side, last: number): string[] {
  const path: string[] = [];
  let before = -1;
  const states = detail.state[side];
  for (let i = 0; i <= last; i++) {
    if (states[i] === before) continue;
    before = states[i];
    const name = known(report.states[before]);
    if (name !== null) path.push(name === "CLOSED" && path.length > 1 ? "END" : name);
  }
  return startedFrom(path);
}

/** A capture begins with the state after the first segment: the one before it is known all the same. */
function startedFrom(path: string[]): string[] {
  if (path[0] === "SYN-SENT") return ["CLOSED", ...path];
  if (path[0] === "SYN-RECEIVED") return ["LISTEN", ...path];
  return path;
}

export class Machine {
  readonly element: HTMLElement;
  private readonly boxes = new Map<string, SVGGElement>();
  private readonly edges = new Map<string, SVGPathElement[]>();
  private readonly extra = s("g");
  private readonly at = h("span", { class: "muted" });
  private readonly end: () => void;

  constructor(
    private readonly subject: Subject,
    private readonly moment: Moment,
  ) {
    const text = words().machine;
    const svg = s("svg", { viewBox: "-4 4 668 436", role: "img", "aria-label": text.title }, arrowHeads(), this.drawEdges(), this.extra);
    for (const name of Object.keys(PLACES)) svg.append(this.drawBox(name));
    this.element = h("section", { class: "machine panel" }, h("header", {}, h("h3", {}, text.title), this.at), svg, h("p", { class: "muted small" }, text.about));
    this.end = moment.selected.on(() => this.show());
    this.show();
  }

  destroy(): void {
    this.end();
  }

  private drawBox(name: string): SVGGElement {
    const [x, y] = PLACES[name];
    const [left, top] = [x - WIDTH / 2, y - HEIGHT / 2];
    const shape = { x: left, y: top, width: WIDTH, height: HEIGHT, rx: 6 };
    const box = s(
      "g",
      { class: "state", "data-state": name === "END" ? "CLOSED" : name },
      s("rect", { class: "state-back", ...shape }),
      s("rect", { class: "state-a", x: left, y: top, width: WIDTH / 2, height: HEIGHT, rx: 6 }),
      s("rect", { class: "state-b", x, y: top, width: WIDTH / 2, height: HEIGHT, rx: 6 }),
      s("rect", { class: "state-frame", ...shape }),
      s("text", { x, y: y + 4 }, name === "END" ? "CLOSED" : name),
      s("text", { class: "who who-a", x: left + 9, y: y + 4 }, "a"),
      s("text", { class: "who who-b", x: left + WIDTH - 9, y: y + 4 }, "b"),
    );
    this.boxes.set(name, box);
    return box;
  }

  private drawEdges(): SVGGElement {
    const group = s("g");
    for (const [from, to, label, [x, y, anchor], d] of EDGES) {
      group.append(s("path", { class: "edge", d, "marker-end": "url(#edge-end)" }));
      const taken = SIDES.map((side) => {
        const name = SIDE_NAMES[side];
        const shift = side === 0 ? -1.5 : 1.5;
        return s("path", { class: `edge-taken edge-${name}`, d, transform: `translate(${shift} ${shift})`, "marker-end": `url(#edge-end-${name})` });
      });
      this.edges.set(`${from} ${to}`, taken);
      group.append(...taken);
      if (label) group.append(s("text", { class: "edge-label", x, y, "text-anchor": anchor }, words().machine[label]));
    }
    return group;
  }

  private show(): void {
    const { detail } = this.subject;
    const selected = this.moment.selected.get();
    const last = selected ?? detail.count - 1;
    for (const box of this.boxes.values()) box.classList.remove("on-a", "on-b", "was-a", "was-b");
    for (const paths of this.edges.values()) for (const path of paths) path.classList.remove("on");
    this.extra.replaceChildren();
    if (last < 0) return;
    for (const side of SIDES) this.mark(side, pathOf(this.subject, side, last));
    this.at.textContent = words().machine.at(detail.frame[last]);
  }

  private mark(side: Side, path: string[]): void {
    const name = SIDE_NAMES[side];
    path.forEach((state, i) => {
      const isLast = i === path.length - 1;
      this.boxes.get(state)?.classList.add(isLast ? `on-${name}` : `was-${name}`);
      if (i === 0) return;
      const edge = this.edges.get(`${path[i - 1]} ${state}`);
      if (edge) edge[side].classList.add("on");
      else this.jump(path[i - 1], state, name);
    });
  }

  /** A change that the figure has no arrow for: a reset, or something that the capture did not show. */
  private jump(from: string, to: string, name: string): void {
    const [[x1, y1], [x2, y2]] = [PLACES[from], PLACES[to]];
    const side = x2 >= x1 ? 1 : -1;
    const d = `M${x1} ${y1}Q${(x1 + x2) / 2 + 40 * side} ${(y1 + y2) / 2} ${x2} ${y2}`;
    this.extra.append(s("path", { class: `edge-jump edge-${name}`, d }, s("title", {}, words().machine.reset)));
  }
}

function arrowHeads(): SVGDefsElement {
  const head = (id: string, name: string): SVGElement =>
    s(
      "marker",
      { id, class: name, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" },
      s("path", { d: "M0 0.5L8 4L0 7.5z" }),
    );
  return s("defs", {}, head("edge-end", "head-plain"), head("edge-end-a", "head-a"), head("edge-end-b", "head-b"));
}
