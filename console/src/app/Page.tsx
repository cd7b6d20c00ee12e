import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { productQuery } from '../api/queries';
import { useI18n } from '../i18n/i18n';
import { PageHeader } from '../ui/PageHeader';

export function useSite(): string {
  const { t } = useI18n();
  const { data: product } = useQuery(productQuery);
  return product?.name ?? t('app.console');
}

/** A page behind the sign-in: heading, actions, content. */
export function Page({ title, lead, actions, children }: { title: string; lead?: string; actions?: ReactNode; children: ReactNode }) {
  const site = useSite();
  return (
    <>
      <PageHeader title={title} site={site} actions={actions} {...(lead === undefined ? {} : { lead })} />
      {children}
    </>
  );
}
