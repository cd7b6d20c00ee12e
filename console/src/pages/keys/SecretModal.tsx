import { Alert, Button, Checkbox, Modal } from 'antd';
import { useState } from 'react';
import type { CreatedApiKey } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { CopyButton } from '../../ui/CopyButton';
import { download } from '../../ui/download';
import { Icon } from '../../ui/Icon';

interface Props {
  shown: CreatedApiKey;
  onClose: () => void;
}

/** Closes by one way only, after saying that the secret is stored: neither Escape nor a stray click may lose it. */
export function SecretModal({ shown, onClose }: Props) {
  const { t } = useI18n();
  const title = shown.api_key.replaces === null ? t('keys.createdSecret') : t('keys.rotatedSecret', { name: shown.api_key.name });
  return (
    <Modal open title={title} closable={false} keyboard={false} mask={{ closable: false }} footer={null} width={560}>
      <Secret shown={shown} onClose={onClose} />
    </Modal>
  );
}

function Secret({ shown, onClose }: { shown: CreatedApiKey; onClose: () => void }) {
  const { t } = useI18n();
  const [stored, setStored] = useState(false);
  return (
    <div className="secret-note">
      <Alert type="warning" showIcon={false} title={t('keys.secretOnce')} />
      <div className="code-box">
        <code aria-label={t('keys.secret')} data-testid="secret">
          {shown.secret}
        </code>
        <CopyButton text={shown.secret} label={t('app.copy')} done={t('app.copied')} />
        <Button
          icon={<Icon name="download" size={16} />}
          onClick={() => download(`${shown.api_key.id}.txt`, 'text/plain', `${shown.secret}\n`)}
        >
          {t('app.download')}
        </Button>
      </div>
      <Checkbox checked={stored} onChange={(event) => setStored(event.target.checked)}>
        {t('keys.secretStored')}
      </Checkbox>
      <div>
        <Button type="primary" disabled={!stored} onClick={onClose}>
          {t('keys.secretDone')}
        </Button>
      </div>
    </div>
  );
}
