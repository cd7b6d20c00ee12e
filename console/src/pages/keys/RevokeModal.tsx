import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { revokeApiKey } from '../../api/operations/keys';
import { apiKeysQuery, limitsQuery } from '../../api/queries';
import type { ApiKey } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { useToast } from '../../ui/Toasts';
import { forgetSecret } from './secrets';

interface Props {
  org: string;
  apiKey: ApiKey;
  onClose: () => void;
}

/** It can't be undone, so it asks for the key's name. */
export function RevokeModal({ org, apiKey, onClose }: Props) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const [typed, setTyped] = useState('');
  const matches = typed.trim() === apiKey.name;
  const revoke = useMutation({
    mutationFn: () => revokeApiKey(org, apiKey.id),
    onSuccess: () => {
      forgetSecret(org, apiKey.id);
      void queryClient.invalidateQueries({ queryKey: apiKeysQuery(org).queryKey });
      void queryClient.invalidateQueries({ queryKey: limitsQuery(org).queryKey });
      toast.done(t('keys.revokedToast', { name: apiKey.name }));
      onClose();
    },
  });
  return (
    <Modal
      open
      title={t('keys.revokeTitle', { name: apiKey.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => revoke.mutate()}
      okText={t('keys.revokeSubmit')}
      okButtonProps={{ danger: true, disabled: !matches }}
      cancelText={t('app.cancel')}
      confirmLoading={revoke.isPending}
    >
      <Form layout="vertical" onFinish={() => (matches ? revoke.mutate() : undefined)}>
        <p style={{ marginBottom: 16 }}>{t('keys.revokeHint')}</p>
        <Form.Item label={t('keys.revokeType', { name: apiKey.name })} htmlFor="revoke-name">
          <Input id="revoke-name" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
        </Form.Item>
        {revoke.error === null ? null : <ProblemAlert error={revoke.error} />}
      </Form>
    </Modal>
  );
}
