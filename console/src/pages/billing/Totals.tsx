import type { Invoice } from '../../api/types';
import { useI18n } from '../../i18n/i18n';

const isZero = (amount: string) => /^-?0+(\.0+)?$/.test(amount);

/** From the sum of the lines to what is to be paid; what is nothing is left out, except what is due. */
export function Totals({ invoice }: { invoice: Invoice }) {
  const { t, format } = useI18n();
  const { subtotal, taxes, total, balance_used, credited, due } = invoice;
  const isCredit = total.amount.startsWith('-');
  return (
    <dl className="sums totals">
      {taxes.length === 0 ? null : (
        <div>
          <dt>{t('invoice.subtotal')}</dt>
          <dd className="nums">{format.amount(subtotal)}</dd>
        </div>
      )}
      {taxes.map((tax) => (
        <div key={tax.name}>
          <dt>
            {t(tax.inclusive ? 'invoice.taxIncluded' : 'invoice.tax', { name: tax.name, percent: format.exact(tax.percent) })}{' '}
            <span className="muted small">{t('invoice.taxBase', { base: format.amount(tax.base) })}</span>
          </dt>
          <dd className="nums">{format.amount(tax.amount)}</dd>
        </div>
      ))}
      <div>
        <dt>{t('invoice.total')}</dt>
        <dd className="nums" data-testid="total">
          {format.amount(total)}
        </dd>
      </div>
      {isZero(balance_used.amount) ? null : (
        <div>
          <dt>{t('invoice.balanceUsed')}</dt>
          <dd className="nums">{format.amount({ ...balance_used, amount: `-${balance_used.amount}` })}</dd>
        </div>
      )}
      {isZero(credited.amount) ? null : (
        <div>
          <dt>{t('invoice.credited')}</dt>
          <dd className="nums">{format.amount({ ...credited, amount: `-${credited.amount}` })}</dd>
        </div>
      )}
      {isCredit ? (
        <div className="due">
          <dt>{t('invoice.toBalance')}</dt>
          <dd className="nums">{format.amount({ ...total, amount: total.amount.slice(1) })}</dd>
        </div>
      ) : (
        <div className="due">
          <dt>{t('invoice.due')}</dt>
          <dd className="nums" data-testid="due">
            {format.amount(due)}
          </dd>
        </div>
      )}
    </dl>
  );
}
