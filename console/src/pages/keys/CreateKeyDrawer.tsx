import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Drawer, Form, Input, InputNumber, Radio, Select } from 'antd';
import { useEffect, useRef, useState, type RefObject } from 'react';
import { useIdempotency } from '../../api/idempotency';
import { createApiKey } from '../../api/operations/keys';
import { ProblemError } from '../../api/problem';
import { apiKeysQuery, limitsQuery, permissionsQuery, projectsQuery } from '../../api/queries';
import type { CreatedApiKey } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Skeleton } from '../../ui/Skeleton';
import { ownLimitsOf, rateLimitOf, renamePointer, toRequest, type NewKey } from './new-key';
import { ScopePicker } from './ScopePicker';

const FIELDS = [['name'], ['environment'], ['project'], ['scopes'], ['expiry'], ['expires_on'], ['networks'], ['rate', 'per_second'], ['rate', 'burst']] as const;

interface Props {
  org: string;
  /** The project that is chosen at first, by its id. */
  project?: string | undefined;
  open: boolean;
  onClose: () => void;
  /** What opened it, to give the focus back to. */
  opener: RefObject<HTMLElement | null>;
  onCreated: (created: CreatedApiKey) => void;
}

export function CreateKeyDrawer({ org, project, open, onClose, opener, onCreated }: Props) {
  const { t } = useI18n();
  // The drawer's own way of giving the focus back waits for an animation that Escape may have cut short.
  useEffect(() => {
    const element = opener.current;
    return open ? () => element?.focus() : undefined;
  }, [open, opener]);
  return (
    <Drawer
      open={open}
      onClose={onClose}
      focusable={{ focusTriggerAfterClose: false }}
      title={t('keys.create')}
      size={520}
      destroyOnHidden
      closable={{ 'aria-label': t('app.close') }}
      styles={{ wrapper: { maxWidth: '100vw' } }}
    >
      <CreateKeyForm org={org} project={project} onClose={onClose} onCreated={onCreated} />
    </Drawer>
  );
}

function CreateKeyForm({ org, project, onClose, onCreated }: Omit<Props, 'open' | 'opener'>) {
  const { t, word } = useI18n();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const [form] = Form.useForm<NewKey>();
  const expiry = Form.useWatch('expiry', form) as NewKey['expiry'] | undefined;
  const [leftOver, setLeftOver] = useState<unknown>();
  const permissions = useQuery(permissionsQuery(org));
  const limits = useQuery(limitsQuery(org));
  const projects = useQuery(projectsQuery(org));
  const active = (projects.data?.items ?? []).filter(({ status }) => status === 'active');
  const rateLimit = rateLimitOf(limits.data?.items ?? []);
  const own = ownLimitsOf(limits.data?.items ?? []);
  // One moment for all attempts: "in 30 days" must not make another body of each press of the button.
  const openedAt = useRef(Date.now());

  const create = useMutation({
    mutationFn: (values: NewKey) => {
      const body = toRequest(values, openedAt.current, rateLimit);
      return createApiKey(org, body, idempotency.keyFor(body));
    },
    onMutate: () => setLeftOver(undefined),
    onSuccess: (created) => {
      idempotency.done();
      void queryClient.invalidateQueries({ queryKey: apiKeysQuery(org).queryKey });
      void queryClient.invalidateQueries({ queryKey: limitsQuery(org).queryKey });
      onCreated(created);
    },
    onError: (error, values) => setLeftOver(showOnFields(withFormNames(error, values.expiry, rateLimit), form, [...FIELDS, ...own.map(({ key }) => ['own', key])])),
  });

  // Whole from the beginning: fields that come later would move those that are being filled in.
  if (permissions.isPending || limits.isPending || projects.isPending) return <Skeleton lines={8} height={38} label={t('app.loading')} />;
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  return (
    <Form
      form={form}
      layout="vertical"
      requiredMark={false}
      scrollToFirstError
      disabled={create.isPending}
      initialValues={{ environment: 'development', project: project ?? '', scopes: [], expiry: 'never' } satisfies Partial<NewKey>}
      onFinish={(values) => create.mutate(values)}
    >
      <Form.Item name="name" label={t('keys.name')} rules={required} extra={t('keys.nameHint')}>
        <Input autoComplete="off" maxLength={100} />
      </Form.Item>
      <Form.Item name="environment" label={t('keys.environment')}>
        <Radio.Group
          aria-label={t('keys.environment')}
          options={(['development', 'staging', 'production'] as const).map((value) => ({ value, label: t(`keys.${value}`) }))}
        />
      </Form.Item>
      {active.length === 0 ? null : (
        <Form.Item name="project" label={t('keys.project')} extra={t('keys.projectHint')}>
          <Select options={[{ value: '', label: t('keys.noProject') }, ...active.map(({ id, name }) => ({ value: id, label: name }))]} />
        </Form.Item>
      )}
      <Form.Item name="scopes" label={t('keys.scopes')} extra={t('keys.scopesHint')} rules={[{ required: true, type: 'array', min: 1, message: t('keys.scopesRequired') }]}>
        {permissions.data === undefined ? <ProblemAlert error={permissions.error} onRetry={() => void permissions.refetch()} /> : <ScopePicker permissions={permissions.data} />}
      </Form.Item>
      <Form.Item name="expiry" label={t('keys.expiry')}>
        <Select
          options={[
            { value: 'never', label: t('keys.expiryNever') },
            { value: '30', label: t('keys.expiryDays', { days: 30 }) },
            { value: '90', label: t('keys.expiryDays', { days: 90 }) },
            { value: '365', label: t('keys.expiryYear') },
            { value: 'date', label: t('keys.expiryDate') },
          ]}
        />
      </Form.Item>
      {expiry === 'date' ? (
        <Form.Item name="expires_on" label={t('keys.expiryPick')} rules={required}>
          <Input type="date" />
        </Form.Item>
      ) : null}
      <Form.Item name="networks" label={t('keys.networks')} extra={t('keys.networksHint')}>
        <Input.TextArea autoSize={{ minRows: 2, maxRows: 6 }} spellCheck={false} />
      </Form.Item>
      {rateLimit === undefined ? null : (
        <div className="two">
          <Form.Item name={['rate', 'per_second']} label={t('keys.rate')} extra={t('keys.rateHint')}>
            <InputNumber min={1} precision={0} style={{ width: '100%' }} />
          </Form.Item>
          <Form.Item name={['rate', 'burst']} label={t('keys.burst')}>
            <InputNumber min={1} precision={0} style={{ width: '100%' }} />
          </Form.Item>
        </div>
      )}
      {own.length === 0 ? null : (
        <fieldset className="own-limits">
          <legend>{t('keys.ownLimits')}</legend>
          <p className="muted small">{t('keys.ownLimitsHint')}</p>
          <div className="two">
            {own.map(({ key }) => (
              <Form.Item key={key} name={['own', key]} label={word('limit', key)}>
                <InputNumber min={0} precision={0} style={{ width: '100%' }} />
              </Form.Item>
            ))}
          </div>
        </fieldset>
      )}
      {leftOver === undefined ? null : (
        <Form.Item>
          <ProblemAlert error={leftOver} />
        </Form.Item>
      )}
      <div className="row">
        <Button type="primary" htmlType="submit" loading={create.isPending}>
          {t('keys.create')}
        </Button>
        <Button onClick={onClose}>{t('app.cancel')}</Button>
      </div>
    </Form>
  );
}

function withFormNames(error: Error, expiry: NewKey['expiry'], rateLimit: string | undefined): Error {
  if (!(error instanceof ProblemError)) return error;
  return new ProblemError({
    status: error.status,
    code: error.code,
    title: error.title,
    detail: error.detail,
    ...(error.requestId === undefined ? {} : { request_id: error.requestId }),
    errors: error.errors.map((each) => ({ ...each, pointer: renamePointer(each.pointer, expiry, rateLimit) })),
  });
}
