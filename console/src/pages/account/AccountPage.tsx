import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { LookCard } from './LookCard';
import { ProfileCard } from './ProfileCard';
import { SessionsCard } from './SessionsCard';
import './account.css';

export function AccountPage() {
  const { t } = useI18n();
  return (
    <Page title={t('account.title')}>
      <div className="stack">
        <div className="account">
          <ProfileCard />
          <LookCard />
        </div>
        <SessionsCard />
      </div>
    </Page>
  );
}
