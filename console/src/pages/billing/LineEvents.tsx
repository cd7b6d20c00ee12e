import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Button } from 'antd';
import { lineEventsQuery } from '../../api/queries';
import type { BilledEvent, InvoiceLine } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { DataTable, type Column } from '../../ui/DataTable';
import { Skeleton } from '../../ui/Skeleton';

interface Props {
  org: string;
  invoice: string;
  line: InvoiceLine;
  zone: string;
}

/** The events that a line counts, page by page, with what proves that they are all of them. */
export function LineEvents({ org, invoice, line, zone }: Props) {
  const { t, format } = useI18n();
  const { data, error, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery(lineEventsQuery(org, invoice, line.position));
  const columns = useColumns(org, zone);
  const first = data?.pages[0];
  const events = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="events" aria-label={t('events.title')}>
      <h3 className="small-heading">{t('events.title')}</h3>
      {first === undefined ? (
        error === null ? (
          <Skeleton lines={3} height={20} label={t('app.loading')} />
        ) : (
          <ProblemAlert error={error} onRetry={() => void refetch()} />
        )
      ) : (
        <div className="stack tight">
          <p className="small">
            {t('events.count', { count: format.number(first.events) })} {t('events.digest')} <code>{first.digest}</code>
          </p>
          <p className="small muted">{t('events.digestHint')}</p>
          <DataTable label={t('events.title')} columns={columns} rows={events} rowKey={(event) => event.id} />
          <div className="row">
            <span className="muted small" role="status">
              {t('events.shown', { shown: format.number(events.length), count: format.number(first.events) })}
            </span>
            {hasNextPage ? (
              <Button className="no-print" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                {t('events.more')}
              </Button>
            ) : null}
          </div>
          {error === null ? null : <ProblemAlert error={error} />}
        </div>
      )}
    </section>
  );
}

/** An event has the digits of the request that it is of, so that the request can be explained. */
function EventLink({ org, id }: { org: string; id: string }) {
  return (
    <Link to="/o/$org/usage/explain" params={{ org }} search={{ request: id.replace(/^evt_/, 'req_') }}>
      <code className="event-id">{id}</code>
    </Link>
  );
}

function useColumns(org: string, zone: string): Column<BilledEvent>[] {
  const { t, format } = useI18n();
  return [
    { id: 'id', title: t('events.id'), render: (event) => <EventLink org={org} id={event.id} /> },
    {
      id: 'at',
      title: t('events.at'),
      render: (event) => (
        <time dateTime={event.at} title={event.at}>
          {format.dateTimeIn(event.at, zone)}
        </time>
      ),
    },
    { id: 'operation', title: t('events.operation'), render: (event) => <code>{event.operation}</code> },
    { id: 'by', title: t('events.by'), render: (event) => <code className="event-id">{event.key ?? event.user ?? event.project ?? event.team ?? '–'}</code> },
    { id: 'units', title: t('events.units'), end: true, render: (event) => <span className="nums">{event.value ?? format.number(event.units)}</span> },
  ];
}
