import { cleanup, configure } from '@testing-library/react';
import { afterEach, beforeEach, vi } from 'vitest';

// What jsdom lacks and Ant Design or we ask for.
window.matchMedia = (media: string) => Object.assign(new EventTarget(), { matches: false, media, onchange: null }) as unknown as MediaQueryList;
window.scrollTo = () => undefined;
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
// jsdom warns on pseudo elements, which Ant Design measures.
const computed = window.getComputedStyle.bind(window);
window.getComputedStyle = (element) => computed(element);

// Whether something is visible is left to the browser tests: jsdom takes seconds to compute it under Ant Design's styles.
configure({ defaultHidden: true, asyncUtilTimeout: 30_000 });

beforeEach(() => {
  localStorage.clear();
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});
