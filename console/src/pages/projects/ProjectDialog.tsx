import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../api/idempotency';
import { createProject, updateProject } from '../../api/operations/projects';
import { limitsQuery, projectsQuery } from '../../api/queries';
import type { Project, Team } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { useToast } from '../../ui/Toasts';

interface Props {
  org: string;
  teams: readonly Team[];
  /** The one to change; without, a new one is made. */
  project?: Project;
  onClose: () => void;
  onSaved?: (project: Project) => void;
}

interface Values {
  name: string;
  slug?: string;
  team?: string;
}

/** Makes a project, or changes its name, its address and the team it belongs to. */
export function ProjectDialog({ org, teams, project, onClose, onSaved }: Props) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const save = useMutation({
    mutationFn: ({ name, slug = '', team = '' }: Values) => {
      const named = { name: name.trim(), ...(slug.trim() === '' ? {} : { slug: slug.trim() }) };
      if (project !== undefined) return updateProject(org, project.id, { ...named, team: team === '' ? null : team });
      const body = { ...named, ...(team === '' ? {} : { team }) };
      return createProject(org, body, idempotency.keyFor(body));
    },
    onMutate: () => setLeftOver(undefined),
    onSuccess: (saved) => {
      idempotency.done();
      void queryClient.invalidateQueries({ queryKey: projectsQuery(org).queryKey });
      void queryClient.invalidateQueries({ queryKey: limitsQuery(org).queryKey });
      toast.done(project === undefined ? t('projects.created', { name: saved.name }) : t('app.saved'));
      onClose();
      onSaved?.(saved);
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['name'], ['slug'], ['team']])),
  });
  const initial: Values = project === undefined ? { name: '', team: '' } : { name: project.name, slug: project.slug, team: project.team ?? '' };
  return (
    <Modal
      open
      title={project === undefined ? t('projects.create') : t('projects.changeTitle', { name: project.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={project === undefined ? t('projects.create') : t('app.save')}
      cancelText={t('app.cancel')}
      confirmLoading={save.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} initialValues={initial} disabled={save.isPending} onFinish={(values) => save.mutate(values)}>
        <Form.Item name="name" label={t('keys.name')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
          <Input autoComplete="off" maxLength={100} />
        </Form.Item>
        <Form.Item name="slug" label={t('operator.slug')} extra={project === undefined ? t('projects.slugHint') : t('register.slugHint')}>
          <Input autoComplete="off" maxLength={40} spellCheck={false} />
        </Form.Item>
        {teams.length === 0 ? null : (
          <Form.Item name="team" label={t('projects.team')}>
            <Select options={[{ value: '', label: t('projects.noTeam') }, ...teams.map(({ id, name }) => ({ value: id, label: name }))]} />
          </Form.Item>
        )}
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
        {/* So that Enter sends the form, though its button stands outside of it. */}
        <button type="submit" hidden />
      </Form>
    </Modal>
  );
}
