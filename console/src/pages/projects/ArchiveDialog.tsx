import { useMutation, useQueryClient } from '@tanstack/react-query';
import { archiveProject } from '../../api/operations/projects';
import { apiKeysQuery, limitsQuery, projectsQuery } from '../../api/queries';
import type { Project } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { NameToConfirm } from '../../ui/NameToConfirm';
import { useToast } from '../../ui/Toasts';

interface Props {
  org: string;
  project: Project;
  onClose: () => void;
}

/** A project is archived for good and takes its keys with it, so it asks for the name. */
export function ArchiveDialog({ org, project, onClose }: Props) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const archive = useMutation({
    mutationFn: () => archiveProject(org, project.id, true),
    onSuccess: () => {
      for (const { queryKey } of [projectsQuery(org), apiKeysQuery(org), limitsQuery(org)]) void queryClient.invalidateQueries({ queryKey });
      toast.done(t('projects.archived', { name: project.name }));
      onClose();
    },
  });
  return (
    <NameToConfirm
      title={t('projects.archiveTitle', { name: project.name })}
      hint={t('projects.archiveHint')}
      name={project.name}
      label={t('app.typeName', { name: project.name })}
      submit={t('projects.archiveSubmit')}
      cancel={t('app.cancel')}
      close={t('app.close')}
      pending={archive.isPending}
      onSubmit={() => archive.mutate()}
      onClose={onClose}
    >
      {archive.error === null ? null : <ProblemAlert error={archive.error} />}
    </NameToConfirm>
  );
}
