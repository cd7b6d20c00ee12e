import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Form, Input } from 'antd';
import { useState } from 'react';
import { updateMe } from '../../api/operations/me';
import { meQuery } from '../../api/queries';
import type { User } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Card } from '../../ui/Card';
import { Skeleton } from '../../ui/Skeleton';
import { useToast } from '../../ui/Toasts';

export function ProfileCard() {
  const { t } = useI18n();
  const { data: me } = useQuery(meQuery);
  return (
    <Card title={t('account.profile')}>
      {me === undefined ? <Skeleton lines={3} height={30} label={t('app.loading')} /> : <ProfileForm me={me} />}
    </Card>
  );
}

function ProfileForm({ me }: { me: User }) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<{ display_name: string }>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const save = useMutation({
    mutationFn: updateMe,
    onMutate: () => setLeftOver(undefined),
    onSuccess: (user) => {
      queryClient.setQueryData(meQuery.queryKey, user);
      toast.done(t('app.saved'));
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['display_name']])),
  });
  return (
    <Form form={form} layout="vertical" requiredMark={false} initialValues={{ display_name: me.display_name }} onFinish={(values) => save.mutate(values)}>
      <Form.Item name="display_name" label={t('account.displayName')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
        <Input autoComplete="name" maxLength={200} />
      </Form.Item>
      <div className="field">
        <span className="label">{t('account.email')}</span>
        <span className="muted">{me.email}</span>
      </div>
      {leftOver === undefined ? null : (
        <Form.Item>
          <ProblemAlert error={leftOver} />
        </Form.Item>
      )}
      <Button type="primary" htmlType="submit" loading={save.isPending}>
        {t('app.save')}
      </Button>
    </Form>
  );
}
