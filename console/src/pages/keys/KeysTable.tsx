import { Button, Dropdown } from 'antd';
import type { ApiKey, Project } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Badge } from '../../ui/Badge';
import { DataTable, type Column, type Sorting } from '../../ui/DataTable';
import { Icon } from '../../ui/Icon';

const SCOPES_SHOWN = 2;

export type KeyAct = 'rotate' | 'revoke';

interface Props {
  keys: readonly ApiKey[];
  /** To name the projects that keys are of; without, they aren't named. */
  projects?: readonly Project[];
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
  onAct: (act: KeyAct, key: ApiKey) => void;
}

export function KeysTable({ keys, projects = [], sorting, onSort, onAct }: Props) {
  const { t, word, format } = useI18n();
  const columns: Column<ApiKey>[] = [
    {
      id: 'name',
      title: t('keys.name'),
      sortBy: (key) => key.name,
      render: (key) => (
        <span className="key-name">
          {key.name}
          <code>{key.id}</code>
        </span>
      ),
    },
    { id: 'status', title: t('keys.status'), sortBy: (key) => key.status, render: (key) => <Badge status={key.status}>{word('status', key.status)}</Badge> },
    {
      id: 'environment',
      title: t('keys.environment'),
      sortBy: (key) => key.environment,
      render: ({ environment, project }) => (
        <span className="key-where">
          {word('keys', environment)}
          {project === null || projects.length === 0 ? null : <span className="muted small">{projects.find(({ id }) => id === project)?.name ?? project}</span>}
        </span>
      ),
    },
    { id: 'scopes', title: t('keys.scopes'), render: (key) => <Scopes scopes={key.scopes} /> },
    {
      id: 'created',
      title: t('keys.created'),
      sortBy: (key) => key.created_at,
      render: (key) => <Instant at={key.created_at} text={format.date(key.created_at)} />,
    },
    {
      id: 'expires',
      title: t('keys.expires'),
      render: (key) => (key.expires_at === null ? <span className="muted">{t('app.never')}</span> : <Instant at={key.expires_at} text={format.date(key.expires_at)} />),
    },
    {
      id: 'used',
      title: t('keys.lastUsed'),
      sortBy: (key) => key.last_used_at ?? '',
      render: (key) => (key.last_used_at === null ? <span className="muted">{t('app.never')}</span> : <Instant at={key.last_used_at} text={format.relative(key.last_used_at)} />),
    },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (key) => <Actions apiKey={key} onAct={onAct} />,
    },
  ];
  return <DataTable label={t('keys.title')} columns={columns} rows={keys} rowKey={(key) => key.id} {...(sorting === undefined ? {} : { sorting })} {...(onSort === undefined ? {} : { onSort })} />;
}

function Instant({ at, text }: { at: string; text: string }) {
  const { format } = useI18n();
  return (
    <time dateTime={at} title={format.dateTime(at)} style={{ whiteSpace: 'nowrap' }}>
      {text}
    </time>
  );
}

function Scopes({ scopes }: { scopes: readonly string[] }) {
  const { t } = useI18n();
  const more = scopes.length - SCOPES_SHOWN;
  return (
    <span className="scopes" title={scopes.join(', ')}>
      {scopes.slice(0, SCOPES_SHOWN).map((scope) => (
        <code key={scope} className="chip">
          {scope}
        </code>
      ))}
      {more > 0 ? <span className="muted small">{t('keys.moreScopes', { count: more })}</span> : null}
    </span>
  );
}

function Actions({ apiKey, onAct }: { apiKey: ApiKey; onAct: Props['onAct'] }) {
  const { t } = useI18n();
  if (apiKey.status === 'revoked' || apiKey.status === 'expired') return null;
  return (
    <Dropdown
      trigger={['click']}
      placement="bottomRight"
      menu={{
        items: [
          // A key that is being replaced already has its successor.
          ...(apiKey.status === 'active' ? [{ key: 'rotate', label: t('keys.rotate'), icon: <Icon name="rotate" size={16} /> }] : []),
          { key: 'revoke', label: t('keys.revoke'), icon: <Icon name="trash" size={16} />, danger: true },
        ],
        onClick: ({ key }) => onAct(key === 'rotate' ? 'rotate' : 'revoke', apiKey),
      }}
    >
      <Button type="text" aria-label={t('keys.actionsFor', { name: apiKey.name })} aria-haspopup="menu" icon={<Icon name="more" />} />
    </Dropdown>
  );
}
