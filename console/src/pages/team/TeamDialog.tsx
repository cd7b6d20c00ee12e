import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../api/idempotency';
import { createTeam, updateTeam } from '../../api/operations/team';
import { limitsQuery, teamsQuery } from '../../api/queries';
import type { Team } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { useToast } from '../../ui/Toasts';

interface Values {
  name: string;
  description?: string;
}

/** Makes a team, or changes what it is called. */
export function TeamDialog({ org, team, onClose }: { org: string; team?: Team; onClose: () => void }) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const save = useMutation({
    mutationFn: ({ name, description = '' }: Values) => {
      const body = { name: name.trim(), description: description.trim() === '' ? null : description.trim() };
      return team === undefined ? createTeam(org, body, idempotency.keyFor(body)) : updateTeam(org, team.id, body);
    },
    onMutate: () => setLeftOver(undefined),
    onSuccess: () => {
      idempotency.done();
      for (const { queryKey } of [teamsQuery(org), limitsQuery(org)]) void queryClient.invalidateQueries({ queryKey });
      toast.done(t('app.saved'));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['name'], ['description']])),
  });
  return (
    <Modal
      open
      title={team === undefined ? t('team.createTeam') : t('projects.changeTitle', { name: team.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={team === undefined ? t('team.createTeam') : t('app.save')}
      cancelText={t('app.cancel')}
      confirmLoading={save.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ name: team?.name ?? '', description: team?.description ?? '' } satisfies Values} disabled={save.isPending} onFinish={(values) => save.mutate(values)}>
        <Form.Item name="name" label={t('keys.name')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
          <Input autoComplete="off" maxLength={100} />
        </Form.Item>
        <Form.Item name="description" label={t('team.description')}>
          <Input.TextArea autoSize={{ minRows: 2, maxRows: 6 }} maxLength={500} />
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
