// How ends of connections are called.

import type { Conn, Run } from "./types";

/** The name of an end's address, if the run knows one, with its port. */
export function endName(run: Run, end: string): string {
  const colon = end.lastIndexOf(":");
  const host = end.slice(0, colon).replace(/^\[|\]$/g, "");
  const name = Object.hasOwn(run.names, host) ? run.names[host] : undefined;
  return name === undefined || name === "" ? end : `${name}${end.slice(colon)}`;
}

/** Everything by which a connection can be searched for, in small letters. */
export function searchText(run: Run, conn: Conn): string {
  return [conn.a, conn.b, endName(run, conn.a), endName(run, conn.b), conn.close, conn.close_words].join(" ").toLowerCase();
}
