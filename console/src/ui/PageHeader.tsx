import type { ReactNode } from 'react';

/** The page's only `h1`; also names the document. */
export function PageHeader({ title, lead, site, actions }: { title: string; lead?: string; site: string; actions?: ReactNode }) {
  return (
    <header className="page-header">
      <title>{`${title} · ${site}`}</title>
      <div>
        <h1>{title}</h1>
        {lead === undefined ? null : <p>{lead}</p>}
      </div>
      {actions === undefined ? null : <div className="row">{actions}</div>}
    </header>
  );
}
