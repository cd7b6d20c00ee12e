import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { Card } from '../../ui/Card';
import { DataTable, type Column } from '../../ui/DataTable';
import { usePriceText } from '../billing/price';
import { isFree, totalsOf, type Charge } from './charges';

/** What the plan charges for a request, and by which price; nothing where no price is for it. */
export function ChargesCard({ charges }: { charges: readonly Charge[] }) {
  const { t } = useI18n();
  const exactly = useExactMoney();
  const columns = useColumns();
  if (charges.length === 0) return null;
  return (
    <Card title={t('explain.charged')} aside={<Totals charges={charges} />}>
      <div className="stack tight">
        <p className="muted small">{t('explain.chargedHint')}</p>
        <DataTable
          label={t('explain.charged')}
          rows={charges}
          rowKey={({ meter, limit, amount }) => `${meter} ${limit ?? ''} ${amount.currency}`}
          columns={[...columns, { id: 'amount', title: t('explain.charged'), end: true, render: (charge) => <span className="nums">{exactly(charge.exact, charge.amount.currency)}</span> }]}
        />
      </div>
    </Card>
  );
}

/** An exact amount; a fraction, which no currency's format can write, stands beside its currency. */
function useExactMoney(): (exact: string, currency: string) => string {
  const { format } = useI18n();
  return (exact, currency) => (exact.includes('/') ? `${format.exact(exact)} ${currency}` : format.unitPrice(exact, currency));
}

function Totals({ charges }: { charges: readonly Charge[] }) {
  const { t } = useI18n();
  const exactly = useExactMoney();
  return (
    <strong className="nums" data-testid="charged-total">
      <span className="visually-hidden">{t('explain.chargedTotal')}: </span>
      {totalsOf(charges)
        .map(({ currency, exact }) => exactly(exact, currency))
        .join(' · ')}
    </strong>
  );
}

function useColumns(): Column<Charge>[] {
  const { t, word } = useI18n();
  const priceText = usePriceText();
  return [
    {
      id: 'for',
      title: t('explain.chargedFor'),
      render: ({ meter, limit }) => (limit === null ? word('meter', meter) : t('explain.beyond', { limit: word('limit', limit) })),
    },
    {
      id: 'price',
      title: t('explain.chargedPrice'),
      render: (charge) => (
        <div className="price-lines">
          {priceText(charge.price, charge.amount.currency, t('explain.unit')).map((text) => (
            <div key={text}>{text}</div>
          ))}
          <div className="muted small">{t('explain.planVersion', { plan: humanize(charge.plan), version: charge.plan_version })}</div>
          {isFree(charge) ? <div className="muted small">{t(charge.limit === null ? 'explain.within' : 'explain.withinLimit')}</div> : null}
        </div>
      ),
    },
  ];
}
