// Puts the API's words beside the field they are about.
import type { FormInstance } from 'antd';
import { ProblemError } from '../api/problem';

/** `/limits/requests_per_second` → ["limits", "requests_per_second"], with the escapes of RFC 6901. */
export function parsePointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

type FieldPath = readonly string[];

/** The field that a pointer is about: itself, or the nearest above it (`/scopes/0` belongs to the field `scopes`). */
export function fieldFor(pointer: string, fields: readonly FieldPath[]): FieldPath | undefined {
  const path = parsePointer(pointer);
  return fields
    .filter((field) => field.length <= path.length && field.every((part, index) => part === path[index]))
    .toSorted((a, b) => b.length - a.length)[0];
}

/**
 * Shows `error` on the form's fields as far as it names them. Returns what is left for an alert, or undefined when
 * every word found its field.
 */
export function showOnFields(error: unknown, form: FormInstance, fields: readonly FieldPath[]): unknown {
  if (!(error instanceof ProblemError) || error.errors.length === 0) return error;
  const words = new Map<FieldPath, string[]>();
  let unplaced = 0;
  for (const { pointer, detail } of error.errors) {
    const field = fieldFor(pointer, fields);
    if (field === undefined) unplaced += 1;
    else words.set(field, [...(words.get(field) ?? []), detail]);
  }
  form.setFields([...words].map(([field, errors]) => ({ name: [...field], errors })));
  const [first] = words.keys();
  if (first !== undefined) form.focusField([...first]);
  return unplaced === 0 ? undefined : error;
}
