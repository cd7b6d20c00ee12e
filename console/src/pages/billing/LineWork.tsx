import type { ReactNode } from 'react';
import type { InvoiceLine, RatingStep } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { usePriceText } from './price';
import { ofMinor, type Work } from './work';

interface Props {
  line: InvoiceLine;
  work: Work;
  zone: string;
}

/** How the amount of a line came about, step by step, to where it is rounded. */
export function LineWork({ line, work, zone }: Props) {
  const { t } = useI18n();
  const facts = useFacts(line, work);
  const { currency } = line.amount;
  return (
    <div className="work">
      {facts.length === 0 ? <p className="muted">{t('work.nothing')}</p> : null}
      <dl className="facts wide">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd className="nums">{value}</dd>
          </div>
        ))}
      </dl>
      {work.steps === undefined || work.steps.length === 0 ? null : <Steps steps={work.steps} currency={currency} exact={work.exact} />}
      {work.windows === undefined || work.windows.length === 0 ? null : <Windows work={work} zone={zone} />}
      {work.rated === undefined ? null : (
        <section>
          <h3 className="small-heading">{t('work.rated')}</h3>
          <LineWork line={line} work={work.rated} zone={zone} />
        </section>
      )}
    </div>
  );
}

function useFacts(line: InvoiceLine, work: Work): [string, ReactNode][] {
  const { t, word, format } = useI18n();
  const priceText = usePriceText();
  const { currency } = line.amount;
  const facts: [string, ReactNode][] = [];
  const add = (label: string, value: ReactNode) => {
    if (value !== undefined) facts.push([label, value]);
  };
  const money = (amount: string | undefined) => (amount === undefined ? undefined : amount.includes('/') ? format.exact(amount) : format.unitPrice(amount, currency));

  if (work.price !== undefined) add(t('work.price'), priceText(work.price, currency, t('work.unit')).map((text) => <div key={text}>{text}</div>));
  if (work.unit !== undefined) add(t('work.each'), `${format.amount(work.unit)} × ${format.exact(line.quantity)}`);
  if (work.whole !== undefined) add(t('work.whole'), format.amount(work.whole));
  if (work.counted !== undefined) {
    const { part, whole, by } = work.counted;
    add(t('work.share'), t(by === 'day' ? 'work.days' : 'work.seconds', { part: format.number(part), whole: format.number(whole), percent: format.number(Math.round((part / whole) * 10_000) / 100) }));
  } else if (work.share !== undefined) add(t('work.share'), format.exact(work.share));
  if (work.debited !== undefined) add(t('work.debited'), format.amount(work.debited));
  if (work.creditedBefore !== undefined && Number(work.creditedBefore.amount) !== 0) add(t('work.creditedBefore'), format.amount(work.creditedBefore));
  if (work.limit !== undefined) add(t('work.limit'), word('limit', work.limit));
  if (work.bound !== undefined) add(t('work.bound'), format.exact(work.bound));
  if (work.used !== undefined) add(t('work.used'), format.exact(work.used));
  if (work.minimum !== undefined) add(t('work.minimum'), money(work.minimum));
  if (work.recurring !== undefined) add(t('work.recurring'), money(work.recurring));
  if (work.usage !== undefined) add(t('work.usage'), money(work.usage));
  if (work.before !== undefined) add(t('work.before'), format.amount(ofMinor(work.before, currency)));
  if (work.now !== undefined) add(t('work.now'), format.amount(ofMinor(work.now, currency)));
  return facts;
}

function Steps({ steps, currency, exact }: { steps: readonly RatingStep[]; currency: string; exact: string | undefined }) {
  const { t, word, format } = useI18n();
  const money = (amount: string) => (amount.includes('/') ? format.exact(amount) : format.unitPrice(amount, currency));
  const each = ({ what, quantity, price }: RatingStep) => {
    if (quantity === undefined || quantity === null) return '';
    if (price === undefined || price === null) return format.exact(quantity);
    return what === 'percentage' ? `${format.exact(price)}% × ${money(quantity)}` : `${format.exact(quantity)} × ${money(price)}`;
  };
  const tier = ({ from, up_to }: RatingStep) => {
    if (from === undefined || from === null) return '';
    return up_to === undefined || up_to === null ? t('work.tierFrom', { from: format.exact(from) }) : t('work.tier', { from: format.exact(from), to: format.exact(up_to) });
  };
  return (
    <table className="work-steps" aria-label={t('work.steps')}>
      <caption>{t('work.steps')}</caption>
      <tbody>
        {steps.map((step, index) => (
          // Steps are an ordered sum: their place is what they are.
          <tr key={index}>
            <th scope="row">
              {word('work.step', step.what)} <span className="muted small">{tier(step)}</span>
            </th>
            <td className="nums">{each(step)}</td>
            <td className="end nums">{money(step.amount)}</td>
          </tr>
        ))}
      </tbody>
      {exact === undefined ? null : (
        <tfoot>
          <tr>
            <th scope="row">{t('work.exact')}</th>
            <td />
            <td className="end nums">{money(exact)}</td>
          </tr>
        </tfoot>
      )}
    </table>
  );
}

function Windows({ work, zone }: { work: Work; zone: string }) {
  const { t, format } = useI18n();
  return (
    <table className="work-steps" aria-label={t('work.windows')}>
      <caption>{t('work.windows')}</caption>
      <tbody>
        {work.windows?.map(({ window, beyond }) => (
          <tr key={window}>
            <th scope="row">
              <time dateTime={window}>{format.dateTimeIn(window, zone)}</time>
            </th>
            <td className="end nums">{format.exact(beyond)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
