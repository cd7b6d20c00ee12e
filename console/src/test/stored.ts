/** All that the page has put into local storage. */
export function stored(): string {
  return Array.from({ length: localStorage.length }, (_, index) => {
    const key = localStorage.key(index) ?? '';
    return `${key}=${localStorage.getItem(key) ?? ''}`;
  }).join('\n');
}
