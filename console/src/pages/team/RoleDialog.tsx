import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Form, Modal, Select } from 'antd';
import { useState } from 'react';
import { updateMember } from '../../api/operations/team';
import { membersQuery, permissionsQuery, rolesQuery } from '../../api/queries';
import type { Member } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { useToast } from '../../ui/Toasts';
import { RoleHint } from './RoleHint';

/** Gives a member another role, of those that one may give. */
export function RoleDialog({ org, member, onClose }: { org: string; member: Member; onClose: () => void }) {
  const { t, word } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const { data: roles = [] } = useQuery(rolesQuery(org));
  const [role, setRole] = useState(member.role);
  const change = useMutation({
    mutationFn: () => updateMember(org, member.user.id, role),
    onSuccess: () => {
      for (const { queryKey } of [membersQuery(org), permissionsQuery(org)]) void queryClient.invalidateQueries({ queryKey });
      toast.done(t('team.roleChanged', { name: member.user.display_name, role: word('role', role) }));
      onClose();
    },
  });
  const choices = roles.filter(({ name, grantable }) => grantable || name === member.role);
  return (
    <Modal
      open
      title={t('team.roleOf', { name: member.user.display_name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => change.mutate()}
      okText={t('app.save')}
      okButtonProps={{ disabled: role === member.role }}
      cancelText={t('app.cancel')}
      confirmLoading={change.isPending}
    >
      <Form layout="vertical">
        <Form.Item label={t('team.role')} htmlFor="role" extra={<RoleHint role={roles.find(({ name }) => name === role)} />}>
          <Select id="role" value={role} onChange={setRole} options={choices.map(({ name }) => ({ value: name, label: word('role', name) }))} />
        </Form.Item>
        {change.error === null ? null : <ProblemAlert error={change.error} />}
      </Form>
    </Modal>
  );
}
