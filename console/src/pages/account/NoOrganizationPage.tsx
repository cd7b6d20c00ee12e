import { useQuery } from '@tanstack/react-query';
import { meQuery } from '../../api/queries';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { EmptyState } from '../../ui/EmptyState';

export function NoOrganizationPage() {
  const { t } = useI18n();
  const { data: me } = useQuery(meQuery);
  return (
    <Page title={t('app.console')}>
      <div className="card">
        <EmptyState icon="building" title={t('problem.noOrgTitle')} hint={t('problem.noOrgHint', { email: me?.email ?? '' })} />
      </div>
    </Page>
  );
}
