// The language of the page's own texts. Texts of the document come in the language it was written in.

import type { LanguageCode } from "./types";
import { en } from "./words/en";
import { ru } from "./words/ru";

export type Words = typeof en;

const all: Record<LanguageCode, Words> = { en, ru };
let current: Words = en;

export function speak(language: LanguageCode): void {
  current = all[language] ?? en;
  document.documentElement.lang = language;
}

export function words(): Words {
  return current;
}
