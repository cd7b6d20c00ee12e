import type { Locale } from 'antd/es/locale';
import { createContext, use, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import { en, type Dictionary } from './en';
import { formatter, type Format, type Language } from './format';
import { chooseLanguage, preferences, subscribePreferences } from './preferences';
import { translateWord, translator, type Translate } from './translate';

interface Loaded {
  dictionary: Dictionary;
  /** Ant Design's own texts; it speaks English when it is given none. */
  antd: Locale | undefined;
}

const loaded = new Map<Language, Loaded>([['en', { dictionary: en, antd: undefined }]]);

/** Only the chosen language is fetched: most people never see a second one. */
export async function loadLanguage(language: Language): Promise<void> {
  if (loaded.has(language)) return;
  const [texts, antd] = await Promise.all([import('./ja'), import('antd/locale/ja_JP')]);
  loaded.set(language, { dictionary: texts.ja, antd: antd.default });
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
