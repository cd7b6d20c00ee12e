import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button, Input } from 'antd';
import { useId, useState } from 'react';
import { explanationQuery } from '../../api/queries';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { EmptyState } from '../../ui/EmptyState';
import { ExplanationCards } from './ExplanationCards';
import { UsageFrame } from './UsageFrame';

const route = getRouteApi('/member/o/$org/usage/explain');

/** A field for a request's id, and what became of that request. */
export function ExplainPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const { request } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <UsageFrame org={org} title={t('explain.title')} lead={t('explain.lead')}>
      <div className="stack">
        <Form key={request} request={request} onAsk={(asked) => void navigate({ search: asked === '' ? {} : { request: asked } })} />
        {request === undefined ? (
          <div className="card">
            <EmptyState icon="search" title={t('explain.empty')} hint={t('explain.emptyHint')} />
          </div>
        ) : (
          <Answer org={org} request={request} />
        )}
      </div>
    </UsageFrame>
  );
}

function Form({ request, onAsk }: { request: string | undefined; onAsk: (request: string) => void }) {
  const { t } = useI18n();
  const id = useId();
  const [typed, setTyped] = useState(request ?? '');
  return (
    <form
      className="explain-form"
      onSubmit={(event) => {
        event.preventDefault();
        onAsk(typed.trim());
      }}
    >
      <label htmlFor={id}>
        {t('problem.requestId')}
        <Input id={id} value={typed} placeholder="req_…" autoComplete="off" spellCheck={false} onChange={(event) => setTyped(event.target.value)} />
      </label>
      <Button type="primary" htmlType="submit">
        {t('explain.submit')}
      </Button>
    </form>
  );
}

function Answer({ org, request }: { org: string; request: string }) {
  const query = useQuery(explanationQuery(org, request));
  return <Loaded query={query}>{(explanation) => <ExplanationCards org={org} explanation={explanation} />}</Loaded>;
}
