import type { Dictionary, English, Key } from './en';

/** The names between braces in a text, so that the compiler asks for each of them. */
type Names<T extends string> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Values<K extends Key> = Record<Names<English[K]>, string | number>;
type Args<K extends Key> = [Names<English[K]>] extends [never] ? [] : [values: Values<K>];

export type Translate = <K extends Key>(key: K, ...args: Args<K>) => string;

export function translator(dictionary: Dictionary): Translate {
  return (key, ...args) => {
    const values = args[0] as Record<string, string | number> | undefined;
    const text = dictionary[key] ?? key;
    return values === undefined ? text : text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  };
}

/** A text whose key comes from the server, such as a status; the server's own word when we have none for it. */
export function translateWord(dictionary: Dictionary, group: string, word: string): string {
  const key = `${group}.${word}`;
  return dictionary[key as Key] ?? humanize(word);
}

/** `requests_per_day` → `Requests per day`: names that the blueprint gives have no translation. */
export function humanize(word: string): string {
  const spaced = word.replaceAll('_', ' ');
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
