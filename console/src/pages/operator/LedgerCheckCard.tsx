import { useMutation } from '@tanstack/react-query';
import { Button, Form, Input } from 'antd';
import { checkLedger } from '../../api/operations/operator';
import type { Checked } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';

const DAY_MS = 86_400_000;
const dayOf = (instant: number) => new Date(instant).toISOString().slice(0, 10);

interface Values {
  from: string;
  to: string;
}

/** Computes every sum of some days once more from its events. It reads all of them, so it waits to be asked. */
export function LedgerCheckCard() {
  const { t } = useI18n();
  const check = useMutation({ mutationFn: ({ from, to }: Values) => checkLedger({ from: `${from}T00:00:00Z`, to: `${to}T00:00:00Z` }) });
  const required = [{ required: true, message: t('app.required') }];
  return (
    <Card title={t('ledger.title')} aside={check.data === undefined ? null : <Badge status={check.data.discrepancies.length === 0 ? 'active' : 'suspended'}>{t(check.data.discrepancies.length === 0 ? 'health.well' : 'health.unwell')}</Badge>}>
      <div className="stack">
        <p className="muted">{t('ledger.hint')}</p>
        <Form layout="inline" colon={false} requiredMark={false} initialValues={{ from: dayOf(Date.now() - DAY_MS), to: dayOf(Date.now()) } satisfies Values} onFinish={(values: Values) => check.mutate(values)} style={{ rowGap: 12 }}>
          <Form.Item name="from" label={t('ledger.from')} rules={required}>
            <Input type="date" />
          </Form.Item>
          <Form.Item name="to" label={t('ledger.to')} rules={required}>
            <Input type="date" />
          </Form.Item>
          <Button type="primary" htmlType="submit" loading={check.isPending}>
            {t('ledger.submit')}
          </Button>
        </Form>
        {check.error === null ? null : <ProblemAlert error={check.error} />}
        <div role="status">{check.data === undefined ? null : <Found checked={check.data} />}</div>
      </div>
    </Card>
  );
}

function Found({ checked: { from, to, discrepancies } }: { checked: Checked }) {
  const { t, word, format } = useI18n();
  if (discrepancies.length === 0) return <p>{t('ledger.well', { from: format.dateTimeIn(from, 'UTC'), to: format.dateTimeIn(to, 'UTC') })}</p>;
  return (
    <DataTable
      label={t('ledger.found')}
      rows={discrepancies}
      rowKey={(row) => `${row.org} ${row.meter} ${row.part} ${row.start}`}
      columns={[
        { id: 'org', title: t('operator.name'), render: ({ org }) => <code>{org}</code> },
        { id: 'meter', title: t('usage.meter'), render: ({ meter }) => word('meter', meter) },
        { id: 'part', title: t('ledger.part'), render: ({ part, start }) => `${part}, ${format.dateTimeIn(start, 'UTC')}` },
        { id: 'expected', title: t('ledger.expected'), end: true, render: ({ expected }) => <span className="nums">{format.number(expected.quantity)}</span> },
        { id: 'foundSum', title: t('ledger.found'), end: true, render: ({ found }) => <span className="nums">{format.number(found.quantity)}</span> },
      ]}
    />
  );
}
