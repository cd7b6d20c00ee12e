import { useMutation, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import { Button, Form, Input } from 'antd';
import { login } from '../../api/operations/public';
import { asProblem } from '../../api/problem';
import { meQuery, myOrganizationsQuery } from '../../api/queries';
import { PublicLayout } from '../../app/PublicLayout';
import { session } from '../../auth/session';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';

const route = getRouteApi('/guest/sign-in');

interface Values {
  email: string;
  password: string;
}

export function SignInPage() {
  const { t } = useI18n();
  const { return_to } = route.useSearch();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<Values>();

  const signIn = useMutation({
    mutationFn: login,
    onSuccess: (reply) => {
      queryClient.setQueryData(meQuery.queryKey, reply.user);
      queryClient.setQueryData(myOrganizationsQuery.queryKey, reply.organizations);
      session.begin(reply);
      // The guest guard now finds a session and leads on, to `return_to` or home.
      return router.invalidate();
    },
    onError: (error) => {
      form.setFieldValue('password', '');
      showOnFields(error, form, [['email'], ['password']]);
    },
  });
  const wait = signIn.error === null ? undefined : asProblem(signIn.error).retryAfterSeconds;
  const required = [{ required: true, message: t('app.required') }];

  return (
    <PublicLayout
      title={t('signIn.title')}
      heading={t('signIn.title')}
      lead={return_to === undefined ? t('signIn.lead') : t('signIn.ended')}
      aside={
        <>
          {t('signIn.new')} <Link to="/register">{t('signIn.register')}</Link>
        </>
      }
    >
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(values) => signIn.mutate(values)} disabled={signIn.isPending}>
        {signIn.error === null ? null : (
          <Form.Item>
            <ProblemAlert error={signIn.error} />
            {wait === undefined ? null : <p className="small muted">{t('signIn.wait', { seconds: wait })}</p>}
          </Form.Item>
        )}
        <Form.Item name="email" label={t('signIn.email')} rules={required}>
          <Input type="email" autoComplete="username" />
        </Form.Item>
        <Form.Item name="password" label={t('signIn.password')} rules={required}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <Button type="primary" htmlType="submit" block size="large" loading={signIn.isPending}>
          {t('signIn.submit')}
        </Button>
      </Form>
    </PublicLayout>
  );
}
