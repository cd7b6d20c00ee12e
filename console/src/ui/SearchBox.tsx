import { Input } from 'antd';
import { Icon } from './Icon';

export function SearchBox({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  return (
    <Input
      type="search"
      allowClear
      prefix={<Icon name="search" size={16} />}
      aria-label={label}
      placeholder={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      style={{ maxWidth: 360 }}
    />
  );
}
