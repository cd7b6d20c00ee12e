import { useRef } from 'react';

function randomKey(): string {
  // `crypto.randomUUID` exists in secure contexts only, and a first look at an installation may be over plain HTTP.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Keys for a form's attempts: the same body keeps its key, so pressing the button again after a lost answer creates
 * nothing twice; another body, or `done()`, begins anew.
 */
export function useIdempotency(): { keyFor: (body: unknown) => string; done: () => void } {
  const attempt = useRef<{ body: string; key: string } | undefined>(undefined);
  return {
    keyFor(body) {
      const text = JSON.stringify(body);
      if (attempt.current?.body !== text) attempt.current = { body: text, key: randomKey() };
      return attempt.current.key;
    },
    done() {
      attempt.current = undefined;
    },
  };
}
