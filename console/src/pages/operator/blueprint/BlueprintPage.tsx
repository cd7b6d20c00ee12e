import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Input, Modal } from 'antd';
import { useId, useState } from 'react';
import { applyBlueprint, planBlueprint } from '../../../api/operations/operator';
import { blueprintQuery } from '../../../api/operator-queries';
import { ProblemError } from '../../../api/problem';
import { plansQuery, productQuery } from '../../../api/queries';
import type { BlueprintInForce } from '../../../api/types';
import { Page } from '../../../app/Page';
import { useI18n } from '../../../i18n/i18n';
import { Loaded } from '../../../problem/Loaded';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { Card } from '../../../ui/Card';
import { download } from '../../../ui/download';
import { Icon } from '../../../ui/Icon';
import { useToast } from '../../../ui/Toasts';
import { Effects } from './Effects';
import './blueprint.css';

/** The blueprint in force, and what another one would change before it is put in force. */
export function BlueprintPage() {
  const { t, format } = useI18n();
  const blueprint = useQuery(blueprintQuery);
  const actions =
    blueprint.data === undefined ? undefined : (
      <Button icon={<Icon name="download" size={16} />} onClick={() => download('blueprint.toml', 'application/toml', blueprint.data.source)}>
        {t('app.download')}
      </Button>
    );
  return (
    <Page title={t('blueprint.title')} lead={t('blueprint.lead')} actions={actions}>
      <Loaded query={blueprint} lines={8}>
        {(current) => (
          <div className="stack">
            <p className="row">
              <strong>{t('overview.version', { version: current.version })}</strong>
              <span className="muted">{t('blueprint.since', { time: format.dateTime(current.applied_at) })}</span>
              <code className="digest" title={t('blueprint.digest')}>
                {current.digest}
              </code>
            </p>
            <Editor key={current.version} current={current} />
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Editor({ current }: { current: BlueprintInForce }) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const id = useId();
  const [source, setSource] = useState(current.source);
  const [asking, setAsking] = useState(false);
  // What was planned is what is applied: another text has to be planned anew.
  const plan = useMutation({ mutationFn: async (text: string) => ({ text, effects: await planBlueprint(text) }) });
  const planned = plan.data !== undefined && plan.data.text === source ? plan.data : undefined;
  const apply = useMutation({
    mutationFn: applyBlueprint,
    onSuccess: async ({ version }) => {
      setAsking(false);
      toast.done(t('blueprint.applied', { version }));
      await Promise.all([blueprintQuery, plansQuery, productQuery].map(({ queryKey }) => queryClient.invalidateQueries({ queryKey })));
    },
  });
  return (
    <>
      <Card title={t('blueprint.source')}>
        <div className="stack tight">
          <label htmlFor={id} className="muted">
            {t('blueprint.sourceHint')}
          </label>
          <Input.TextArea id={id} className="source" value={source} spellCheck={false} autoSize={{ minRows: 12, maxRows: 28 }} onChange={(event) => setSource(event.target.value)} />
          <div className="row">
            <Button type="primary" loading={plan.isPending} disabled={source === current.source} onClick={() => plan.mutate(source)}>
              {t('blueprint.plan')}
            </Button>
            <Button disabled={source === current.source} onClick={() => setSource(current.source)}>
              {t('blueprint.reset')}
            </Button>
          </div>
          {plan.error === null ? null : <Mistakes error={plan.error} />}
        </div>
      </Card>
      {planned === undefined ? null : (
        <Effects
          effects={planned.effects}
          action={
            planned.effects.changed ? (
              <Button type="primary" onClick={() => setAsking(true)}>
                {t('blueprint.apply')}
              </Button>
            ) : null
          }
        />
      )}
      {asking && planned !== undefined ? (
        <Modal
          open
          title={t('blueprint.applyTitle')}
          closable={{ 'aria-label': t('app.close') }}
          onCancel={() => setAsking(false)}
          onOk={() => apply.mutate(planned.text)}
          okText={t('blueprint.apply')}
          cancelText={t('app.cancel')}
          confirmLoading={apply.isPending}
        >
          <div className="stack tight">
            <p>{t('blueprint.applyHint', { gain: planned.effects.counts.gain_at_once, lose: planned.effects.counts.lose_at_once })}</p>
            {apply.error === null ? null : <Mistakes error={apply.error} />}
          </div>
        </Modal>
      ) : null}
    </>
  );
}

/** A blueprint's mistakes point into its text, line by line. */
function Mistakes({ error }: { error: Error }) {
  const { t } = useI18n();
  if (!(error instanceof ProblemError) || error.code !== 'blueprint.invalid') return <ProblemAlert error={error} />;
  return <Alert type="error" role="alert" title={t('blueprint.mistakes')} description={<pre className="mistakes">{error.detail}</pre>} />;
}
