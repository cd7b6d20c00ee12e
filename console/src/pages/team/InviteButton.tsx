import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import type { SentInvitation } from '../../api/types';
import { useMay } from '../../app/use-may';
import { useI18n } from '../../i18n/i18n';
import { Icon } from '../../ui/Icon';
import { LinkModal } from './LinkModal';

const InviteDialog = lazy(() => import('./InviteDialog').then((module) => ({ default: module.InviteDialog })));

/** Invites somebody, and shows the link once. */
export function InviteButton({ org }: { org: string }) {
  const { t } = useI18n();
  const mayManage = useMay(org, 'members:manage');
  const [inviting, setInviting] = useState(false);
  const [sent, setSent] = useState<SentInvitation>();
  if (!mayManage) return null;
  return (
    <>
      <Button type="primary" icon={<Icon name="plus" size={16} />} onClick={() => setInviting(true)}>
        {t('team.invite')}
      </Button>
      <Suspense fallback={null}>
        {inviting ? (
          <InviteDialog
            org={org}
            onClose={() => setInviting(false)}
            onSent={(made) => {
              setInviting(false);
              setSent(made);
            }}
          />
        ) : null}
      </Suspense>
      {sent === undefined ? null : <LinkModal link={sent.link} email={sent.invitation.email} expiresAt={sent.invitation.expires_at} onClose={() => setSent(undefined)} />}
    </>
  );
}
