import { useQuery } from '@tanstack/react-query';
import { Button } from 'antd';
import { availabilityQuery } from '../../api/queries';
import { useI18n } from '../../i18n/i18n';
import { useDebounced } from '../../ui/use-debounced';

interface Props {
  slug: string;
  onUse: (slug: string) => void;
}

/** Whether the address is free, said as one types; when it isn't, others that are. */
export function SlugStatus({ slug, onUse }: Props) {
  const { t } = useI18n();
  const settled = useDebounced(slug, 350);
  const { data, isFetching } = useQuery(availabilityQuery(settled));
  if (slug === '') return <span role="status">{t('register.slugHint')}</span>;
  if (slug !== settled || isFetching || data === undefined) return <span role="status">{isFetching || slug !== settled ? t('register.slugChecking') : t('register.slugHint')}</span>;
  if (data.available) {
    return (
      <span role="status" className="slug-free">
        {t('register.slugFree', { slug })}
      </span>
    );
  }
  const reason = data.reason === 'reserved' ? 'register.slugReserved' : data.reason === 'invalid' ? 'register.slugInvalid' : 'register.slugTaken';
  return (
    <span role="status">
      <span className="slug-taken">{t(reason, { slug })}</span>{' '}
      {data.suggestions.slice(0, 3).map((suggestion) => (
        <Button key={suggestion} size="small" onClick={() => onUse(suggestion)} style={{ marginInlineEnd: 6 }}>
          {t('register.slugTry', { slug: suggestion })}
        </Button>
      ))}
    </span>
  );
}
