import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button } from 'antd';
import { endMySession } from '../../api/operations/me';
import { mySessionsQuery } from '../../api/queries';
import type { Session } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { Skeleton } from '../../ui/Skeleton';
import { useToast } from '../../ui/Toasts';
import { deviceName } from './device';

export function SessionsCard() {
  const { t, format } = useI18n();
  const { data, error, refetch } = useQuery(mySessionsQuery);
  const nameOf = (session: Session) => deviceName(session.user_agent) ?? t('account.unknownDevice');
  return (
    <Card title={t('account.sessions')}>
      <p className="muted" style={{ marginBottom: 16 }}>
        {t('account.sessionsHint')}
      </p>
      {error !== null && data === undefined ? (
        <ProblemAlert error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton lines={3} height={26} label={t('app.loading')} />
      ) : (
        <DataTable
          label={t('account.sessions')}
          rows={data}
          rowKey={(session) => session.id}
          columns={[
            { id: 'device', title: t('account.device'), render: nameOf },
            { id: 'address', title: t('account.address'), render: (session) => <span className="nums">{session.address ?? '–'}</span> },
            { id: 'used', title: t('account.lastUsed'), render: (session) => <time dateTime={session.last_used_at}>{format.relative(session.last_used_at)}</time> },
            { id: 'started', title: t('account.started'), render: (session) => <time dateTime={session.created_at}>{format.dateTime(session.created_at)}</time> },
            {
              id: 'end',
              title: t('app.actions'),
              quietTitle: true,
              end: true,
              render: (session) => (session.current ? <Badge status="active">{t('account.current')}</Badge> : <EndButton session={session} name={nameOf(session)} />),
            },
          ]}
        />
      )}
    </Card>
  );
}

function EndButton({ session, name }: { session: Session; name: string }) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const end = useMutation({
    mutationFn: () => endMySession(session.id),
    onSuccess: () => toast.done(t('account.ended')),
    onSettled: () => queryClient.invalidateQueries({ queryKey: mySessionsQuery.queryKey }),
  });
  return (
    <>
      {end.error === null ? null : <ProblemAlert error={end.error} />}
      <Button size="small" danger aria-label={t('account.endSessionFor', { device: name })} loading={end.isPending} onClick={() => end.mutate()}>
        {t('account.endSession')}
      </Button>
    </>
  );
}
