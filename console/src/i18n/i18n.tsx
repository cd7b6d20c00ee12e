import type { Locale } from 'antd/es/locale';
import { createContext, use, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import { en, type Dictionary } from './en';
import { formatter, type Format, type Language } from './format';
import { fetchPart, type Part } from './parts';
import { chooseLanguage, preferences, subscribePreferences } from './preferences';
import { translateWord, translator, type Translate } from './translate';

interface Loaded {
  /** Grows as parts of it arrive. */
  dictionary: Dictionary;
  /** Ant Design's own texts; it speaks English when it is given none. */
  antd: Locale | undefined;
  parts: Set<Part>;
}

const loaded = new Map<Language, Loaded>([['en', { dictionary: { ...en }, antd: undefined, parts: new Set() }]]);
/** What the areas that were visited need, in whichever language. */
const needed = new Set<Part>();

/** Only the chosen language is fetched: most people never see a second one. */
export async function loadLanguage(language: Language): Promise<void> {
  if (!loaded.has(language)) {
    const [texts, antd] = await Promise.all([import('./ja'), import('antd/locale/ja_JP')]);
    loaded.set(language, { dictionary: { ...texts.ja }, antd: antd.default, parts: new Set() });
  }
  await Promise.all([...needed].map((part) => loadPart(part, language)));
}

async function loadPart(part: Part, language: Language): Promise<void> {
  const into = loaded.get(language);
  if (into === undefined || into.parts.has(part)) return;
  Object.assign(into.dictionary, await fetchPart(part, language));
  into.parts.add(part);
}

/** Fetches texts that an area needs, for its route to wait for; later also in other languages, if one is chosen. */
export async function loadTexts(...parts: readonly Part[]): Promise<void> {
  for (const part of parts) needed.add(part);
  await Promise.all(parts.map((part) => loadPart(part, preferences().language)));
}

export async function changeLanguage(language: Language): Promise<void> {
  await loadLanguage(language);
  chooseLanguage(language);
  document.documentElement.lang = language;
}

interface I18n {
  language: Language;
  t: Translate;
  word: (group: string, word: string) => string;
  format: Format;
  antd: Locale | undefined;
}

const I18nContext = createContext<I18n | undefined>(undefined);

export function I18nProvider({ children }: { children: ReactNode }) {
  const { language } = useSyncExternalStore(subscribePreferences, preferences);
  const value = useMemo<I18n>(() => {
    const { dictionary, antd } = loaded.get(language) ?? { dictionary: en, antd: undefined };
    return {
      language,
      t: translator(dictionary),
      word: (group, word) => translateWord(dictionary, group, word),
      format: formatter(language),
      antd,
    };
  }, [language]);
  return <I18nContext value={value}>{children}</I18nContext>;
}

export function useI18n(): I18n {
  const value = use(I18nContext);
  if (value === undefined) throw new Error('I18nProvider is missing');
  return value;
}
