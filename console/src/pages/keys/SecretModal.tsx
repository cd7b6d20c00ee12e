import { Button } from 'antd';
import type { CreatedApiKey } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { CopyButton } from '../../ui/CopyButton';
import { download } from '../../ui/download';
import { Icon } from '../../ui/Icon';
import { ShownOnce } from '../../ui/ShownOnce';

interface Props {
  shown: CreatedApiKey;
  onClose: () => void;
}

export function SecretModal({ shown: { api_key, secret }, onClose }: Props) {
  const { t } = useI18n();
  return (
    <ShownOnce
      title={api_key.replaces === null ? t('keys.createdSecret') : t('keys.rotatedSecret', { name: api_key.name })}
      note={t('keys.secretOnce')}
      label={t('keys.secret')}
      value={secret}
      testId="secret"
      actions={
        <>
          <CopyButton text={secret} label={t('app.copy')} done={t('app.copied')} />
          <Button icon={<Icon name="download" size={16} />} onClick={() => download(`${api_key.id}.txt`, 'text/plain', `${secret}\n`)}>
            {t('app.download')}
          </Button>
        </>
      }
      stored={t('keys.secretStored')}
      done={t('keys.secretDone')}
      onClose={onClose}
    />
  );
}
