import { Alert, Button } from 'antd';
import { asProblem, UNREACHABLE, UNREADABLE } from '../api/problem';
import { useI18n } from '../i18n/i18n';

/** What went wrong, in the API's own words, with the request id to quote. */
export function ProblemAlert({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useI18n();
  const problem = asProblem(error);
  const ours = problem.code === UNREACHABLE ? t('problem.unreachable') : problem.code === UNREADABLE ? t('problem.unreadable') : undefined;
  const detail = ours ?? (problem.detail === '' ? problem.title : problem.detail);
  return (
    <Alert
      type="error"
      role="alert"
      title={detail}
      description={
        problem.errors.length === 0 && problem.requestId === undefined ? undefined : (
          <>
            {problem.errors.map((each) => (
              <div key={each.pointer + each.code}>
                <code>{each.pointer}</code> {each.detail}
              </div>
            ))}
            {problem.requestId === undefined ? null : (
              <div className="small">
                {t('problem.requestId')}: <code>{problem.requestId}</code>
              </div>
            )}
          </>
        )
      }
      action={onRetry === undefined ? undefined : <Button onClick={onRetry}>{t('app.retry')}</Button>}
    />
  );
}
