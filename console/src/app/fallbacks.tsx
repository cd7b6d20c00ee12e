import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { Button } from 'antd';
import { ProblemError } from '../api/problem';
import { useI18n } from '../i18n/i18n';
import { ProblemAlert } from '../problem/ProblemAlert';
import { EmptyState } from '../ui/EmptyState';
import { Skeleton } from '../ui/Skeleton';

export function PendingPage() {
  const { t } = useI18n();
  return (
    <div style={{ maxWidth: 1120, margin: '0 auto', padding: '40px 24px' }}>
      <Skeleton lines={6} height={22} label={t('app.loading')} />
    </div>
  );
}

export function NotFoundPage() {
  const { t } = useI18n();
  return (
    <EmptyState icon="search" title={t('problem.notFound')} hint={t('problem.notFoundHint')}>
      <title>{t('problem.notFound')}</title>
      <Link to="/">{t('problem.home')}</Link>
    </EmptyState>
  );
}

/** The error boundary of every page. The server's refusals keep their words; our own faults are called ours. */
export function CrashPage({ error }: ErrorComponentProps) {
  const { t } = useI18n();
  const router = useRouter();
  if (error instanceof ProblemError) {
    return (
      <div style={{ maxWidth: 640, margin: '0 auto', padding: '48px 24px' }}>
        <title>{t('problem.title')}</title>
        <ProblemAlert error={error} onRetry={() => void router.invalidate()} />
      </div>
    );
  }
  return (
    <EmptyState icon="rotate" title={t('problem.crashed')} hint={t('problem.crashedHint')}>
      <title>{t('problem.crashed')}</title>
      <Button type="primary" onClick={() => window.location.reload()}>
        {t('problem.reload')}
      </Button>
    </EmptyState>
  );
}
