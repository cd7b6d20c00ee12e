import { useI18n } from '../../i18n/i18n';
import { Icon } from '../../ui/Icon';

/** Says quietly from when on the plan shows usage, where what is looked at begins before, or only what it is compared with. */
export function RetentionNote({ from, missing = 'range' }: { from: string; missing?: 'range' | 'comparison' }) {
  const { t, format } = useI18n();
  const date = format.dateIn(from, 'UTC');
  return (
    <p className="retention muted small" role="note">
      <Icon name="clock" size={16} />
      <span>{missing === 'range' ? t('usage.retained', { date }) : t('report.retained', { date })}</span>
    </p>
  );
}
