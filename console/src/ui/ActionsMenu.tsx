import { Button, Dropdown } from 'antd';
import { Icon, type IconName } from './Icon';

export interface MenuAct {
  key: string;
  label: string;
  icon?: IconName;
  danger?: boolean;
}

/** The button at the end of a row, and what can be done with what stands in it. */
export function ActionsMenu({ label, items, onAct }: { label: string; items: readonly MenuAct[]; onAct: (key: string) => void }) {
  return (
    <Dropdown
      trigger={['click']}
      placement="bottomRight"
      menu={{
        items: items.map(({ icon, danger = false, ...item }) => ({ ...item, danger, ...(icon === undefined ? {} : { icon: <Icon name={icon} size={16} /> }) })),
        onClick: ({ key }) => onAct(key),
      }}
    >
      <Button type="text" aria-label={label} aria-haspopup="menu" icon={<Icon name="more" />} />
    </Dropdown>
  );
}
