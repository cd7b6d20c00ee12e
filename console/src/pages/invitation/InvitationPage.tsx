import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Alert, Button } from 'antd';
import { useSyncExternalStore, type ReactNode } from 'react';
import { logout } from '../../api/operations/public';
import { invitationOfferQuery, meQuery } from '../../api/queries';
import type { InvitationOffer } from '../../api/types';
import { PublicLayout } from '../../app/PublicLayout';
import { session } from '../../auth/session';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { AcceptForm } from './AcceptForm';
import { keptToken } from './token';

/** What somebody is invited to, and how to accept it: as a new person, with a password there is, or as who is signed in. */
export function InvitationPage() {
  const token = keptToken();
  return token === undefined ? <Frame lead="invitation.noToken">{null}</Frame> : <Invitation token={token} />;
}

function Frame({ lead, children }: { lead: 'invitation.noToken' | 'invitation.loading'; children: ReactNode }) {
  const { t } = useI18n();
  return (
    <PublicLayout title={t('invitation.title')} heading={t('invitation.title')} lead={t(lead)} aside={<Link to="/sign-in">{t('signIn.title')}</Link>}>
      {children}
    </PublicLayout>
  );
}

function Invitation({ token }: { token: string }) {
  const { t, word, format } = useI18n();
  const offer = useQuery(invitationOfferQuery(token));
  if (offer.data === undefined) {
    return (
      <Frame lead="invitation.loading">
        <Loaded query={offer}>{() => null}</Loaded>
      </Frame>
    );
  }
  const { organization, role, invited_by: by, expires_at: until } = offer.data;
  const lead = by === null ? t('invitation.lead', { role: word('role', role) }) : t('invitation.leadBy', { name: by, role: word('role', role) });
  return (
    <PublicLayout title={t('invitation.title')} heading={t('invitation.heading', { organization: organization.name })} lead={lead} aside={t('invitation.until', { time: format.dateTime(until) })}>
      <Answer token={token} offer={offer.data} />
    </PublicLayout>
  );
}

function Answer({ token, offer }: { token: string; offer: InvitationOffer }) {
  const { t } = useI18n();
  const state = useSyncExternalStore(session.subscribe, session.snapshot);
  const isSignedIn = state.status === 'in';
  const me = useQuery({ ...meQuery, enabled: isSignedIn });
  if (!isSignedIn) return <AcceptForm token={token} offer={offer} as={offer.creates_account ? 'new' : 'known'} />;
  return (
    <Loaded query={me}>
      {({ email }) =>
        email.toLowerCase() === offer.email.toLowerCase() ? <AcceptForm token={token} offer={offer} as="myself" /> : <Somebody hint={t('invitation.other', { email, invited: offer.email })} />
      }
    </Loaded>
  );
}

/** Somebody else is signed in: they can't accept it, but they may go. */
function Somebody({ hint }: { hint: string }) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  async function signOut() {
    await logout();
    queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] === 'me' || queryKey[0] === 'org' });
    session.end();
  }
  return (
    <div className="stack tight">
      <Alert type="info" title={hint} />
      <Button block size="large" onClick={() => void signOut()}>
        {t('nav.signOut')}
      </Button>
    </div>
  );
}
