import { useMutation, useQueryClient } from '@tanstack/react-query';
import { revokeApiKey } from '../../api/operations/keys';
import { apiKeysQuery, limitsQuery } from '../../api/queries';
import type { ApiKey } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { NameToConfirm } from '../../ui/NameToConfirm';
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
    <NameToConfirm
      title={t('keys.revokeTitle', { name: apiKey.name })}
      hint={t('keys.revokeHint')}
      name={apiKey.name}
      label={t('app.typeName', { name: apiKey.name })}
      submit={t('keys.revokeSubmit')}
      cancel={t('app.cancel')}
      close={t('app.close')}
      pending={revoke.isPending}
      onSubmit={() => revoke.mutate()}
      onClose={onClose}
    >
      {revoke.error === null ? null : <ProblemAlert error={revoke.error} />}
    </NameToConfirm>
  );
}
