import { useMutation, useQuery } from '@tanstack/react-query';
import { Form, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { changeOrganization } from '../../../api/operations/operator';
import { plansQuery } from '../../../api/queries';
import type { Organization, OrganizationDetail, OrganizationPatch } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { humanize } from '../../../i18n/translate';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { NameToConfirm } from '../../../ui/NameToConfirm';
import { useToast } from '../../../ui/Toasts';
import { patchOf, type Edited } from './edit';

interface Props {
  organization: OrganizationDetail;
  onClose: () => void;
  onChanged: (changed: Organization) => void;
}

/** Changes an organization's name, and, once more asked, its address and its plan. */
export function EditDialog({ organization, onClose, onChanged }: Props) {
  const { t } = useI18n();
  const toast = useToast();
  const { data: plans = [] } = useQuery(plansQuery);
  const [form] = Form.useForm<Edited>();
  const [leftOver, setLeftOver] = useState<unknown>();
  // What is asked about once more, before it is sent.
  const [asked, setAsked] = useState<OrganizationPatch>();
  const change = useMutation({
    mutationFn: (patch: OrganizationPatch) => changeOrganization(organization.id, patch),
    onMutate: () => setLeftOver(undefined),
    onSuccess: (changed) => {
      toast.done(t('operator.edit.done', { name: changed.name }));
      onChanged(changed);
    },
    onError: (error) => {
      setAsked(undefined);
      setLeftOver(showOnFields(error, form, [['name'], ['slug'], ['plan']]));
    },
  });
  function submit(values: Edited) {
    const patch = patchOf(organization, values);
    if (Object.keys(patch).length === 0) onClose();
    else if (patch.slug === undefined && patch.plan === undefined) change.mutate(patch);
    else setAsked(patch);
  }
  const titles = new Map([[organization.plan, humanize(organization.plan)], ...plans.map(({ key, name }) => [key, name] as const)]);
  const titleOf = (plan: string) => titles.get(plan) ?? plan;
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  return (
    <>
      <Modal
        open={asked === undefined}
        title={t('operator.edit.title', { name: organization.name })}
        closable={{ 'aria-label': t('app.close') }}
        onCancel={onClose}
        onOk={() => form.submit()}
        okText={t('app.save')}
        cancelText={t('app.cancel')}
        confirmLoading={change.isPending}
      >
        <Form form={form} layout="vertical" requiredMark={false} initialValues={{ name: organization.name, slug: organization.slug, plan: organization.plan } satisfies Edited} disabled={change.isPending} onFinish={submit}>
          <Form.Item name="name" label={t('register.name')} rules={required}>
            <Input autoComplete="off" maxLength={100} />
          </Form.Item>
          <Form.Item name="slug" label={t('register.slug')} extra={t('operator.edit.slugHint')} rules={required}>
            <Input autoComplete="off" maxLength={40} spellCheck={false} />
          </Form.Item>
          <Form.Item name="plan" label={t('register.plan')} extra={t('operator.edit.planHint')}>
            <Select options={[...titles].map(([value, label]) => ({ value, label }))} />
          </Form.Item>
          {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
        </Form>
      </Modal>
      {asked === undefined ? null : (
        <NameToConfirm
          title={t('operator.edit.confirmTitle', { name: organization.name })}
          hint={[
            ...(typeof asked.slug === 'string' ? [t('operator.edit.slugConfirm', { before: organization.slug, after: asked.slug })] : []),
            ...(typeof asked.plan === 'string' ? [t('operator.edit.planConfirm', { before: titleOf(organization.plan), after: titleOf(asked.plan) })] : []),
          ].join(' ')}
          name={organization.name}
          label={t('app.typeName', { name: organization.name })}
          submit={t('app.save')}
          cancel={t('app.cancel')}
          close={t('app.close')}
          pending={change.isPending}
          onSubmit={() => change.mutate(asked)}
          onClose={() => setAsked(undefined)}
        />
      )}
    </>
  );
}
