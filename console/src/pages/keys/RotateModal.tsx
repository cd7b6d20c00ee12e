import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Modal, Select } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../api/idempotency';
import { rotateApiKey } from '../../api/operations/keys';
import { apiKeysQuery } from '../../api/queries';
import type { ApiKey, CreatedApiKey } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';

const HOUR_S = 3_600;
const OVERLAPS = [
  { value: 0, label: 'keys.overlapNone' },
  { value: HOUR_S, label: 'keys.overlapHour' },
  { value: 24 * HOUR_S, label: 'keys.overlapDay' },
  { value: 7 * 24 * HOUR_S, label: 'keys.overlapWeek' },
] as const;

interface Props {
  org: string;
  apiKey: ApiKey;
  onClose: () => void;
  onRotated: (rotated: CreatedApiKey) => void;
}

export function RotateModal({ org, apiKey, onClose, onRotated }: Props) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const [overlap, setOverlap] = useState(24 * HOUR_S);
  const rotate = useMutation({
    mutationFn: () => rotateApiKey(org, apiKey.id, overlap, idempotency.keyFor({ id: apiKey.id, overlap })),
    onSuccess: (rotated) => {
      idempotency.done();
      void queryClient.invalidateQueries({ queryKey: apiKeysQuery(org).queryKey });
      onRotated(rotated);
    },
  });
  return (
    <Modal
      open
      title={t('keys.rotateTitle', { name: apiKey.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => rotate.mutate()}
      okText={t('keys.rotateSubmit')}
      cancelText={t('app.cancel')}
      confirmLoading={rotate.isPending}
    >
      <Form layout="vertical">
        <p style={{ marginBottom: 16 }}>{t('keys.rotateHint')}</p>
        <Form.Item label={t('keys.overlap')} htmlFor="overlap">
          <Select id="overlap" value={overlap} onChange={setOverlap} options={OVERLAPS.map(({ value, label }) => ({ value, label: t(label) }))} />
        </Form.Item>
        {rotate.error === null ? null : <ProblemAlert error={rotate.error} />}
      </Form>
    </Modal>
  );
}
