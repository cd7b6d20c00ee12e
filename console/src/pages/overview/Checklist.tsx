import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Button } from 'antd';
import type { ReactNode } from 'react';
import { productQuery } from '../../api/queries';
import { useI18n } from '../../i18n/i18n';
import { Card } from '../../ui/Card';
import { CopyButton } from '../../ui/CopyButton';
import { Icon } from '../../ui/Icon';
import { latestSecret } from '../keys/secrets';
import { curlLine, gatewayOrigin } from './curl';
import type { Onboarding } from './onboarding';

const STEPS = 3;

/** From an empty organization to its first counted request. It ticks itself; the last step is a look at the usage. */
export function Checklist({ org, state }: { org: string; state: Onboarding }) {
  const { t } = useI18n();
  const done = Number(state.hasKey) + Number(state.hasCalled);
  return (
    <Card
      title={t('start.title')}
      aside={
        <span className="row">
          <span className="muted small">{t('start.progress', { done, total: STEPS })}</span>
          <Button size="small" onClick={state.hide}>
            {t('start.dismiss')}
          </Button>
        </span>
      }
    >
      <ol className="steps">
        <Step number={1} title={t('start.key')} done={state.hasKey} current={!state.hasKey}>
          <p className="muted">{t('start.keyHint')}</p>
          <Link className="button-link" to="/o/$org/keys" params={{ org }} search={{ create: true }}>
            {t('keys.create')}
          </Link>
        </Step>
        <Step number={2} title={t('start.call')} done={state.hasCalled} current={state.waiting}>
          <FirstCall org={org} />
        </Step>
        <Step number={3} title={t('start.usage')} done={false} current={state.hasCalled}>
          <p className="muted">{t('start.usageHint')}</p>
          <Link className="button-link" to="/o/$org/usage" params={{ org }}>
            {t('start.usage')}
          </Link>
        </Step>
      </ol>
      <span role="status" className="visually-hidden">
        {state.hasCalled ? t('start.arrived') : ''}
      </span>
    </Card>
  );
}

interface StepProps {
  number: number;
  title: string;
  done: boolean;
  current: boolean;
  children: ReactNode;
}

function Step({ number, title, done, current, children }: StepProps) {
  const { t } = useI18n();
  return (
    <li className="step" data-state={done ? 'done' : current ? 'current' : 'later'} aria-current={current ? 'step' : undefined}>
      <span className="step-mark" aria-hidden="true">
        {done ? <Icon name="check" size={15} /> : number}
      </span>
      <div>
        <h3>
          {title}
          <span className="visually-hidden"> – {done ? t('start.done') : t('start.todo')}</span>
        </h3>
        {current ? <div className="step-body">{children}</div> : null}
      </div>
    </li>
  );
}

function FirstCall({ org }: { org: string }) {
  const { t } = useI18n();
  const { data: product } = useQuery(productQuery);
  const secret = latestSecret(org);
  const slot = t('start.yourSecret');
  if (product === undefined) return null;
  const line = curlLine(product, gatewayOrigin(product, org, new URL(window.location.href)), secret ?? slot);
  return (
    <>
      <p className="muted">{secret === undefined ? t('start.callSlot', { slot }) : t('start.callHint')}</p>
      <div className="code-box">
        <code data-testid="curl">{line}</code>
        <CopyButton text={line} label={t('start.copyCurl')} done={t('app.copied')} />
      </div>
      <p className="waiting" role="status">
        {t('start.waiting')}
      </p>
    </>
  );
}
