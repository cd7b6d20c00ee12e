import { useI18n } from '../../i18n/i18n';
import { CopyButton } from '../../ui/CopyButton';
import { ShownOnce } from '../../ui/ShownOnce';

interface Props {
  link: string;
  email: string;
  expiresAt: string;
  onClose: () => void;
}

/** The link of an invitation, to be handed to whom it is for. */
export function LinkModal({ link, email, expiresAt, onClose }: Props) {
  const { t, format } = useI18n();
  return (
    <ShownOnce
      title={t('team.linkFor', { email })}
      note={t('team.linkOnce', { time: format.dateTime(expiresAt) })}
      label={t('team.link')}
      value={link}
      testId="invitation-link"
      actions={<CopyButton text={link} label={t('app.copy')} done={t('app.copied')} />}
      stored={t('team.linkKept')}
      done={t('keys.secretDone')}
      onClose={onClose}
    />
  );
}
