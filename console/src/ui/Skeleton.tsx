/** Holds the place of what is being fetched, so that nothing jumps when it comes. */
export function Skeleton({ lines = 3, height = 16, label }: { lines?: number; height?: number; label: string }) {
  return (
    <div role="status" aria-label={label} style={{ display: 'grid', gap: 14 }}>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} className="skeleton" style={{ height, width: line === lines - 1 && lines > 1 ? '62%' : '100%' }} />
      ))}
    </div>
  );
}
