import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../api/idempotency';
import { createInvitation } from '../../api/operations/team';
import { invitationsQuery, limitsQuery, rolesQuery, teamsQuery } from '../../api/queries';
import type { SentInvitation } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { RoleHint } from './RoleHint';

interface Props {
  org: string;
  onClose: () => void;
  onSent: (sent: SentInvitation) => void;
}

interface Values {
  email: string;
  role: string;
  teams?: string[];
}

export function InviteDialog({ org, onClose, onSent }: Props) {
  const { t, word } = useI18n();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const roles = useQuery(rolesQuery(org));
  const teams = useQuery(teamsQuery(org));
  const [form] = Form.useForm<Values>();
  const role = Form.useWatch('role', form) as string | undefined;
  const [leftOver, setLeftOver] = useState<unknown>();
  const invite = useMutation({
    mutationFn: ({ email, role: as, teams: joined = [] }: Values) => {
      const body = { email: email.trim(), role: as, teams: joined };
      return createInvitation(org, body, idempotency.keyFor(body));
    },
    onMutate: () => setLeftOver(undefined),
    onSuccess: (sent) => {
      idempotency.done();
      for (const { queryKey } of [invitationsQuery(org), limitsQuery(org)]) void queryClient.invalidateQueries({ queryKey });
      onSent(sent);
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['email'], ['role'], ['teams']])),
  });
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  const grantable = (roles.data ?? []).filter((each) => each.grantable);
  return (
    <Modal open title={t('team.invite')} closable={{ 'aria-label': t('app.close') }} onCancel={onClose} onOk={() => form.submit()} okText={t('team.inviteSubmit')} cancelText={t('app.cancel')} confirmLoading={invite.isPending}>
      <Form form={form} layout="vertical" requiredMark={false} disabled={invite.isPending} onFinish={(values) => invite.mutate(values)}>
        <p style={{ marginBottom: 16 }}>{t('team.inviteHint')}</p>
        <Form.Item name="email" label={t('register.email')} rules={required}>
          <Input type="email" autoComplete="off" />
        </Form.Item>
        <Form.Item name="role" label={t('team.role')} rules={required} extra={<RoleHint role={grantable.find(({ name }) => name === role)} />}>
          <Select loading={roles.isPending} options={grantable.map(({ name }) => ({ value: name, label: word('role', name) }))} />
        </Form.Item>
        {(teams.data?.items.length ?? 0) === 0 ? null : (
          <Form.Item name="teams" label={t('team.teams')}>
            <Select mode="multiple" options={(teams.data?.items ?? []).map(({ id, name }) => ({ value: id, label: name }))} />
          </Form.Item>
        )}
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
        {roles.error === null ? null : <ProblemAlert error={roles.error} onRetry={() => void roles.refetch()} />}
        {/* So that Enter sends the form, though its button stands outside of it. */}
        <button type="submit" hidden />
      </Form>
    </Modal>
  );
}
