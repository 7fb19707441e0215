// One run on the page: findings, table of connections, and the connection that is chosen.

import { ConnectionView, connectionHead } from "./connection";
import { h } from "./dom";
import { factsTable } from "./facts";
import { findingsSection } from "./findings";
import { incomplete } from "./header";
import { nextPicture } from "./measure";
import type { Detail } from "./model";
import { indexOfFrame, loadDetail } from "./model";
import { Overview } from "./overview";
import type { Report, Run } from "./types";
import { words } from "./words";

export class RunView {
  readonly element: HTMLElement;
  readonly overview: Overview;
  /** The connection that is shown, once its segments are there. */
  view: ConnectionView | null = null;
  connection = -1;
  private readonly place = h("section", { class: "connection", id: "connection", tabindex: -1 });
  private readonly details = new Map<number, Promise<Detail | null>>();

  constructor(
    private readonly report: Report,
    readonly of: Run,
    private readonly say: (text: string) => void,
  ) {
    this.overview = new Overview(of, (connection) => void this.open(connection));
    const ways = {
      toFrame: (connection: number | null, frame: number) => void this.toFrame(connection, frame),
      toConnection: (connection: number) => void this.open(connection).then(() => this.scrollTo(this.place)),
    };
    const lacks = incomplete(of);
    this.element = h("main", {}, ...(lacks ? [lacks] : []), findingsSection(of, ways), this.overview.element, this.place);
  }

  /** The connection that a reader wants first: that of the worst finding, or the largest. */
  first(): number {
    const found = this.of.findings.find((finding) => finding.connection !== null)?.connection ?? -1;
    if (this.of.connections[found]) return found;
    const size = (i: number): number => this.of.connections[i].a_sent.bytes + this.of.connections[i].b_sent.bytes;
    return this.of.connections.reduce((best, _, i) => (best < 0 || size(i) > size(best) ? i : best), -1);
  }

  async open(connection: number): Promise<void> {
    const conn = this.of.connections[connection];
    if (!conn || connection === this.connection) return;
    this.connection = connection;
    this.overview.mark(connection);
    const head = connectionHead(this.of, conn, connection);
    this.destroy();
    this.place.replaceChildren(head, h("p", { class: "muted" }, words().connection.loading));
    try {
      const detail = await this.detail(connection);
      // Another connection may have been chosen meanwhile.
      if (this.connection !== connection) return;
      this.show(head, connection, detail);
      await nextPicture();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.place.replaceChildren(head, h("p", { class: "notice" }, words().connection.broken(why)), factsTable(this.of, conn));
    }
  }

  destroy(): void {
    this.view?.destroy();
    this.view = null;
  }

  private show(head: HTMLElement, connection: number, detail: Detail | null): void {
    const conn = this.of.connections[connection];
    if (detail === null || detail.count === 0) {
      this.place.replaceChildren(head, h("p", { class: "notice" }, words().connection.noDetail), factsTable(this.of, conn));
      return;
    }
    const view = new ConnectionView({ report: this.report, run: this.of, conn, detail });
    this.view = view;
    this.place.replaceChildren(head, view.element);
    view.start();
  }

  private detail(connection: number): Promise<Detail | null> {
    const known = this.details.get(connection);
    if (known) return known;
    const loading = loadDetail(this.report, this.of.connections[connection]);
    this.details.set(connection, loading);
    return loading;
  }

  /** Goes to the segment of a frame, wherever it is. */
  private async toFrame(connection: number | null, frame: number): Promise<void> {
    const found = connection ?? (await this.connectionOf(frame));
    if (found !== null) await this.open(found);
    if (this.view?.showFrame(frame)) this.scrollTo(this.place);
    else this.say(words().findings.notHere(frame));
  }

  private async connectionOf(frame: number): Promise<number | null> {
    const order = this.of.connections.map((_, i) => i);
    // The one that is shown is the most likely, and at hand.
    if (this.connection >= 0) order.unshift(this.connection);
    for (const i of order) {
      const detail = await this.detail(i).catch(() => null);
      if (detail && indexOfFrame(detail, frame) >= 0) return i;
    }
    return null;
  }

  private scrollTo(element: HTMLElement): void {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.scrollIntoView({ behavior: isCalm ? "auto" : "smooth", block: "start" });
    element.focus({ preventScroll: true });
  }
}
