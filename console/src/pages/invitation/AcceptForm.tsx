import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Button, Form, Input } from 'antd';
import { useState } from 'react';
import { acceptInvitation } from '../../api/operations/public';
import { meQuery, myOrganizationsQuery } from '../../api/queries';
import type { InvitationOffer } from '../../api/types';
import { session } from '../../auth/session';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { forgetToken } from './token';

interface Props {
  token: string;
  offer: InvitationOffer;
  /** A new person, one with an account, or one who is signed in. */
  as: 'new' | 'known' | 'myself';
}

interface Values {
  display_name?: string;
  password?: string;
}

export function AcceptForm({ token, offer, as }: Props) {
  const { t } = useI18n();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const accept = useMutation({
    mutationFn: ({ display_name, password }: Values) =>
      acceptInvitation({ token, ...(as === 'new' && display_name !== undefined ? { display_name } : {}), ...(as === 'myself' || password === undefined ? {} : { password }) }, as === 'myself'),
    onMutate: () => setLeftOver(undefined),
    onSuccess: async (reply) => {
      forgetToken();
      queryClient.setQueryData(meQuery.queryKey, reply.user);
      queryClient.setQueryData(myOrganizationsQuery.queryKey, reply.organizations);
      session.begin(reply);
      await navigate({ to: '/o/$org', params: { org: offer.organization.slug }, replace: true });
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['display_name'], ['password']])),
  });
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  return (
    <Form form={form} layout="vertical" requiredMark={false} disabled={accept.isPending} initialValues={{ email: offer.email }} onFinish={(values) => accept.mutate(values)}>
      {leftOver === undefined ? null : (
        <Form.Item>
          <ProblemAlert error={leftOver} />
        </Form.Item>
      )}
      {/* Not to be changed, and for the browser to keep the password under. */}
      <Form.Item label={t('register.email')} name="email">
        <Input type="email" autoComplete="username" readOnly />
      </Form.Item>
      {as === 'new' ? (
        <Form.Item name="display_name" label={t('register.displayName')} rules={required}>
          <Input autoComplete="name" maxLength={100} />
        </Form.Item>
      ) : null}
      {as === 'myself' ? null : (
        <Form.Item name="password" label={t('register.password')} rules={required} extra={as === 'new' ? t('register.passwordHint') : t('invitation.passwordHint')}>
          <Input.Password autoComplete={as === 'new' ? 'new-password' : 'current-password'} />
        </Form.Item>
      )}
      <Button type="primary" htmlType="submit" block size="large" loading={accept.isPending}>
        {t('invitation.accept')}
      </Button>
    </Form>
  );
}
