// Texts that only some areas need. Their routes fetch them beside their pages, so that nobody else does.
import type { Dictionary } from './en';
import type { Language } from './format';

export type Part = 'billing' | 'operator';

const SOURCES: Record<Part, Record<Language, () => Promise<Dictionary>>> = {
  billing: {
    en: async () => (await import('./en-billing')).billing,
    ja: async () => (await import('./ja-billing')).billing,
  },
  operator: {
    en: async () => (await import('./en-operator')).operator,
    ja: async () => (await import('./ja-operator')).operator,
  },
};

export function fetchPart(part: Part, language: Language): Promise<Dictionary> {
  return SOURCES[part][language]();
}
