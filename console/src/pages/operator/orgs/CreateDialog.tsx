import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Checkbox, Form, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../../api/idempotency';
import { createOrganization } from '../../../api/operations/operator';
import { plansQuery } from '../../../api/queries';
import type { CreatedOrganization } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { suggestSlug } from '../../register/slug';

interface Props {
  onClose: () => void;
  onCreated: (created: CreatedOrganization) => void;
}

interface Values {
  name: string;
  slug: string;
  owner_email: string;
  plan?: string;
  test_clock?: boolean;
}

/** Makes an organization for somebody: whoever is to own it gets a link. */
export function CreateDialog({ onClose, onCreated }: Props) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const { data: plans = [] } = useQuery(plansQuery);
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const create = useMutation({
    mutationFn: ({ name, slug, owner_email, plan = '', test_clock = false }: Values) => {
      const body = { name: name.trim(), slug: slug.trim(), owner_email: owner_email.trim(), test_clock, ...(plan === '' ? {} : { plan }) };
      return createOrganization(body, idempotency.keyFor(body));
    },
    onMutate: () => setLeftOver(undefined),
    onSuccess: (created) => {
      idempotency.done();
      void queryClient.invalidateQueries({ queryKey: ['operator'] });
      onCreated(created);
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['name'], ['slug'], ['owner_email'], ['plan']])),
  });
  function suggest(name: string) {
    if (!form.isFieldTouched('slug')) form.setFieldValue('slug', suggestSlug(name));
  }
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  return (
    <Modal open title={t('operator.create.title')} closable={{ 'aria-label': t('app.close') }} onCancel={onClose} onOk={() => form.submit()} okText={t('operator.create.submit')} cancelText={t('app.cancel')} confirmLoading={create.isPending}>
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ plan: '' }} disabled={create.isPending} onFinish={(values) => create.mutate(values)}>
        <Form.Item name="name" label={t('register.name')} rules={required}>
          <Input autoComplete="off" maxLength={100} onChange={(event) => suggest(event.target.value)} />
        </Form.Item>
        <Form.Item name="slug" label={t('register.slug')} extra={t('register.slugHint')} rules={required}>
          <Input autoComplete="off" maxLength={40} spellCheck={false} />
        </Form.Item>
        <Form.Item name="owner_email" label={t('operator.create.owner')} extra={t('operator.create.ownerHint')} rules={required}>
          <Input type="email" autoComplete="off" />
        </Form.Item>
        <Form.Item name="plan" label={t('register.plan')}>
          <Select options={[{ value: '', label: t('operator.create.usualPlan') }, ...plans.map(({ key, name }) => ({ value: key, label: name }))]} />
        </Form.Item>
        <Form.Item name="test_clock" valuePropName="checked">
          <Checkbox>{t('register.testClock')}</Checkbox>
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
