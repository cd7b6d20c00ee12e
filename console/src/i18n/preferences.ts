// What a person chose for this browser: language and theme. Kept in local storage, applied to <html> as it changes.
import type { Language } from './format';

export type ThemeChoice = 'system' | 'light' | 'dark';
export interface Preferences {
  language: Language;
  theme: ThemeChoice;
}

const LANGUAGE = 'insula.language';
const THEME = 'insula.theme';

function initial(): Preferences {
  const language = localStorage.getItem(LANGUAGE);
  const theme = localStorage.getItem(THEME);
  const preferred = navigator.languages[0]?.startsWith('ja') === true ? 'ja' : 'en';
  return {
    language: language === 'en' || language === 'ja' ? language : preferred,
    theme: theme === 'light' || theme === 'dark' ? theme : 'system',
  };
}

let current = initial();
const listeners = new Set<() => void>();

export function subscribePreferences(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function preferences(): Preferences {
  return current;
}

function change(next: Partial<Preferences>): void {
  current = { ...current, ...next };
  for (const listener of listeners) listener();
}

export function chooseTheme(theme: ThemeChoice): void {
  localStorage.setItem(THEME, theme);
  change({ theme });
}

/** Call through `changeLanguage` of `i18n.tsx`, which fetches the dictionary first. */
export function chooseLanguage(language: Language): void {
  localStorage.setItem(LANGUAGE, language);
  change({ language });
}
