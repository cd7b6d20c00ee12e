import type { Plan } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Icon } from '../../ui/Icon';

const LIMITS_SHOWN = 5;

interface Props {
  plans: readonly Plan[];
  value?: string;
  onChange?: (key: string) => void;
}

/** A radio group of cards. `value` and `onChange` come from the form's field. */
export function PlanPicker({ plans, value, onChange }: Props) {
  const { t } = useI18n();
  return (
    <div className="plans" role="radiogroup" aria-label={t('register.plan')}>
      {plans.map((plan) => (
        <label key={plan.key} className="plan">
          <input type="radio" name="plan" value={plan.key} checked={plan.key === value} onChange={() => onChange?.(plan.key)} />
          <span className="plan-name">{plan.name}</span>
          <Price plan={plan} />
          {plan.trial === null ? null : <span className="small">{t('register.trial', { days: plan.trial.days })}</span>}
          <PlanLimits plan={plan} />
        </label>
      ))}
    </div>
  );
}

const PER = { month: 'plan.perMonth', quarter: 'plan.perQuarter', year: 'plan.perYear' } as const;

function Price({ plan }: { plan: Plan }) {
  const { t, format } = useI18n();
  const month = plan.prices.find((each) => each.interval === 'month');
  const year = plan.prices.find((each) => each.interval === 'year');
  const quarter = plan.prices.find((each) => each.interval === 'quarter');
  const main = month ?? quarter ?? year;
  if (main === undefined) return <span className="price">{t('register.planContact')}</span>;
  return (
    <>
      <span className="price">
        {format.money(main.price)} <small>{t(PER[main.interval])}</small>
      </span>
      {year === undefined || main === year ? null : <span className="small muted">{t('plan.orYear', { price: format.money(year.price) })}</span>}
    </>
  );
}

function PlanLimits({ plan }: { plan: Plan }) {
  const { t, word, format } = useI18n();
  return (
    <ul>
      {plan.limits.slice(0, LIMITS_SHOWN).map(({ key, limit }) => (
        <li key={key}>
          <Icon name="check" size={14} />
          <span className="nums">
            {word('limit', key)}: {limit === null ? t('app.unlimited') : format.number(limit)}
          </span>
        </li>
      ))}
    </ul>
  );
}
