import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon';

/** Says what the thing is for and, as `children`, how to make the first one. */
export function EmptyState({ icon, title, hint, children }: { icon: IconName; title: string; hint: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} size={34} />
      <h2>{title}</h2>
      <p>{hint}</p>
      {children}
    </div>
  );
}
