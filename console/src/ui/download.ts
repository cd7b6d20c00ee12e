/** Hands the person a text as a file. */
export function download(name: string, type: string, content: string): void {
  downloadFile(name, new Blob([content], { type }));
}

/** Hands the person a file. */
export function downloadFile(name: string, file: Blob): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads it after this task; a moment later it has it.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
