import { useEffect, useRef, useState } from 'react';

/** `value`, once it has stood still for `delayMs`. */
export function useDebounced<T>(value: T, delayMs = 300): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), delayMs);
    return () => clearTimeout(timer);
  }, [value, delayMs]);
  return settled;
}

/** Calls `act` once it hasn't been asked to for `delayMs`. */
export function useDebouncedCallback<A extends unknown[]>(act: (...args: A) => void, delayMs = 300): (...args: A) => void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (...args) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => act(...args), delayMs);
  };
}

/** What stands in a search box, and `put` for the address, which follows a moment later: the box mustn't wait for it. */
export function useTyped(initial: string, put: (text: string) => void): [typed: string, type: (text: string) => void] {
  const [typed, setTyped] = useState(initial);
  const putLater = useDebouncedCallback(put);
  return [
    typed,
    (text) => {
      setTyped(text);
      putLater(text);
    },
  ];
}
