/** Hands the person a file made here, without a server. */
export function download(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads it after this task; a moment later it has it.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
