// How long the page takes, for its tests and for whoever looks into the browser's own tools.

/** Resolves when what has been asked for until now is on the screen. */
export function nextPicture(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}

/** Notes that the page can be used, counted from the start of the navigation. */
export function measureInteractive(): void {
  performance.measure("handfast-interactive", { start: 0, end: performance.now() });
  document.documentElement.dataset["ready"] = "true";
}
