import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { removeMember } from '../../api/operations/team';
import { limitsQuery, membersQuery, meQuery, myOrganizationsQuery } from '../../api/queries';
import type { Member } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { NameToConfirm } from '../../ui/NameToConfirm';
import { useToast } from '../../ui/Toasts';

/** Ends a membership from the next request on, one's own included. */
export function RemoveDialog({ org, member: { user }, onClose }: { org: string; member: Member; onClose: () => void }) {
  const { t } = useI18n();
  const toast = useToast();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const { data: me } = useQuery(meQuery);
  const isMe = me?.id === user.id;
  const remove = useMutation({
    mutationFn: () => removeMember(org, user.id),
    onSuccess: async () => {
      toast.done(t(isMe ? 'team.left' : 'team.removed', { name: isMe ? org : user.display_name }));
      if (isMe) {
        await queryClient.invalidateQueries({ queryKey: myOrganizationsQuery.queryKey });
        // What one doesn't belong to any more can't be shown any more.
        await navigate({ to: '/account' });
        queryClient.removeQueries({ queryKey: ['org', org] });
        return;
      }
      for (const { queryKey } of [membersQuery(org), limitsQuery(org)]) void queryClient.invalidateQueries({ queryKey });
      onClose();
    },
  });
  return (
    <NameToConfirm
      title={t(isMe ? 'team.leaveTitle' : 'team.removeTitle', { name: isMe ? org : user.display_name })}
      hint={t(isMe ? 'team.leaveHint' : 'team.removeHint')}
      name={user.display_name}
      label={t('app.typeName', { name: user.display_name })}
      submit={t(isMe ? 'team.leave' : 'team.removeSubmit')}
      cancel={t('app.cancel')}
      close={t('app.close')}
      pending={remove.isPending}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      {remove.error === null ? null : <ProblemAlert error={remove.error} />}
    </NameToConfirm>
  );
}
