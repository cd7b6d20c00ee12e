import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Form, Input, Select } from 'antd';
import { useState } from 'react';
import { revokeKeys } from '../../../api/operations/operator';
import type { Revoked, RevokedKey, RevokeRequest } from '../../../api/types';
import { Page } from '../../../app/Page';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { Card } from '../../../ui/Card';
import { DataTable } from '../../../ui/DataTable';
import { NameToConfirm } from '../../../ui/NameToConfirm';
import { isNarrowed, toRevocation, type RevocationForm } from './revocation';

const FIELDS = [['keys'], ['org'], ['environment'], ['created_before'], ['reason']] as const;

interface Tried {
  asked: RevokeRequest;
  found: Revoked;
}

/** Revokes keys of any organization in an emergency: first it says which, then it asks. */
export function RevokePage() {
  const { t, word } = useI18n();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<RevocationForm>();
  const [tried, setTried] = useState<Tried>();
  const [asking, setAsking] = useState(false);
  const [leftOver, setLeftOver] = useState<unknown>();
  const tryOut = useMutation({
    mutationFn: async (values: RevocationForm) => {
      const asked = toRevocation(values, true);
      return { asked, found: await revokeKeys(asked) };
    },
    onMutate: () => {
      setLeftOver(undefined);
      setTried(undefined);
    },
    onSuccess: setTried,
    onError: (error) => setLeftOver(showOnFields(error, form, FIELDS)),
  });
  const revoke = useMutation({
    // The very keys that were shown: those made meanwhile are nobody's decision yet.
    mutationFn: ({ asked, found }: Tried) => revokeKeys({ reason: asked.reason, dry_run: false, keys: found.keys.map(({ id }) => id) }),
    onSuccess: () => {
      setAsking(false);
      setTried(undefined);
      form.resetFields();
      void queryClient.invalidateQueries({ queryKey: ['operator'] });
    },
  });
  const phrase = tried === undefined ? '' : String(tried.found.revoked);
  return (
    <Page title={t('revoke.title')} lead={t('revoke.lead')}>
      <div className="stack">
        {revoke.data === undefined || tried !== undefined ? null : <Alert type="success" role="status" title={t('revoke.done', { count: revoke.data.revoked })} />}
        <Card title={t('revoke.which')}>
          {/* Another question makes what was found for the last one worthless. */}
          <Form form={form} layout="vertical" requiredMark={false} initialValues={{ environment: '' }} onValuesChange={() => setTried(undefined)} onFinish={(values: RevocationForm) => tryOut.mutate(values)}>
            <Form.Item name="keys" label={t('revoke.keys')} extra={t('revoke.keysHint')}>
              <Input.TextArea autoSize={{ minRows: 2, maxRows: 8 }} spellCheck={false} />
            </Form.Item>
            <div className="two">
              <Form.Item name="org" label={t('revoke.org')} extra={t('revoke.orgHint')}>
                <Input autoComplete="off" spellCheck={false} />
              </Form.Item>
              <Form.Item name="environment" label={t('keys.environment')}>
                <Select options={[{ value: '', label: t('revoke.anyEnvironment') }, ...(['development', 'staging', 'production'] as const).map((value) => ({ value, label: word('keys', value) }))]} />
              </Form.Item>
              <Form.Item name="created_before" label={t('revoke.before')}>
                <Input type="datetime-local" />
              </Form.Item>
              <Form.Item name="reason" label={t('operator.reason')} extra={t('operator.reasonHint')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
                <Input autoComplete="off" maxLength={500} />
              </Form.Item>
            </div>
            {leftOver === undefined ? null : (
              <Form.Item>
                <ProblemAlert error={leftOver} />
              </Form.Item>
            )}
            <Form.Item noStyle shouldUpdate>
              {() => (
                <Button type="primary" htmlType="submit" loading={tryOut.isPending} disabled={!isNarrowed(toRevocation({ ...form.getFieldsValue(), reason: '' }, true))}>
                  {t('revoke.try')}
                </Button>
              )}
            </Form.Item>
          </Form>
        </Card>
        {tried === undefined ? null : <Found found={tried.found} onRevoke={() => setAsking(true)} />}
      </div>
      {asking && tried !== undefined ? (
        <NameToConfirm
          title={t('revoke.confirmTitle', { count: tried.found.revoked })}
          hint={t('revoke.confirmHint')}
          name={phrase}
          label={t('app.typeName', { name: phrase })}
          submit={t('revoke.submit')}
          cancel={t('app.cancel')}
          close={t('app.close')}
          pending={revoke.isPending}
          onSubmit={() => revoke.mutate(tried)}
          onClose={() => setAsking(false)}
        >
          {revoke.error === null ? null : <ProblemAlert error={revoke.error} />}
        </NameToConfirm>
      ) : null}
    </Page>
  );
}

function Found({ found, onRevoke }: { found: Revoked; onRevoke: () => void }) {
  const { t, word, format } = useI18n();
  return (
    <Card
      title={t('revoke.found', { count: found.revoked })}
      aside={
        found.revoked === 0 ? null : (
          <Button danger type="primary" onClick={onRevoke}>
            {t('revoke.submit')}
          </Button>
        )
      }
    >
      <div className="stack tight">
        {found.missing.length === 0 ? null : (
          <p className="breakable">
            {t('revoke.missing')} <code>{found.missing.join(', ')}</code>
          </p>
        )}
        {found.keys.length === 0 ? (
          <p className="muted">{t('revoke.none')}</p>
        ) : (
          <DataTable<RevokedKey>
            label={t('revoke.which')}
            rows={found.keys}
            rowKey={({ id }) => id}
            columns={[
              { id: 'name', title: t('keys.name'), render: ({ name }) => name },
              { id: 'id', title: t('operator.id'), render: ({ id }) => <code className="breakable">{id}</code> },
              { id: 'org', title: t('operator.name'), render: ({ org }) => <code className="breakable">{org}</code> },
              { id: 'environment', title: t('keys.environment'), render: ({ environment }) => word('keys', environment) },
              { id: 'created', title: t('keys.created'), end: true, render: ({ created_at: at }) => <time dateTime={at}>{format.date(at)}</time> },
            ]}
          />
        )}
      </div>
    </Card>
  );
}
