import { lazy, Suspense, useState, type ReactNode } from 'react';
import type { ApiKey, CreatedApiKey } from '../../api/types';
import type { KeyAct } from './KeysTable';
import { keepSecret } from './secrets';

// The dialogs come when they are first needed; the list doesn't wait for them.
const RotateModal = lazy(() => import('./RotateModal').then((module) => ({ default: module.RotateModal })));
const RevokeModal = lazy(() => import('./RevokeModal').then((module) => ({ default: module.RevokeModal })));
const SecretModal = lazy(() => import('./SecretModal').then((module) => ({ default: module.SecretModal })));

interface KeyActs {
  act: (act: KeyAct, key: ApiKey) => void;
  /** The secret of a key that was just made, once. */
  show: (made: CreatedApiKey) => void;
  dialogs: ReactNode;
}

/** What can be done with a key, wherever keys are listed. */
export function useKeyActs(org: string): KeyActs {
  const [acting, setActing] = useState<{ act: KeyAct; key: ApiKey }>();
  const [secret, setSecret] = useState<CreatedApiKey>();
  function show(made: CreatedApiKey) {
    keepSecret(org, made.api_key.id, made.secret);
    setActing(undefined);
    setSecret(made);
  }
  const done = () => setActing(undefined);
  return {
    act: (act, key) => setActing({ act, key }),
    show,
    dialogs: (
      <Suspense fallback={null}>
        {acting?.act === 'rotate' ? <RotateModal org={org} apiKey={acting.key} onClose={done} onRotated={show} /> : null}
        {acting?.act === 'revoke' ? <RevokeModal org={org} apiKey={acting.key} onClose={done} /> : null}
        {secret === undefined ? null : <SecretModal shown={secret} onClose={() => setSecret(undefined)} />}
      </Suspense>
    ),
  };
}
