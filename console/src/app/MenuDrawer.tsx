import { Drawer } from 'antd';
import { useI18n } from '../i18n/i18n';
import type { Area } from '../theme/palette';
import { Side } from './Side';

/** The navigation on a phone. */
export function MenuDrawer({ open, area, onClose }: { open: boolean; area: Area; onClose: () => void }) {
  const { t } = useI18n();
  return (
    <Drawer open={open} onClose={onClose} placement="left" size={288} title={t('app.menu')} closable={{ 'aria-label': t('app.close') }} styles={{ body: { padding: 0 } }} destroyOnHidden>
      <Side area={area} onLeave={onClose} />
    </Drawer>
  );
}
