import type { ReactNode } from 'react';
import { Icon } from './Icon';
import './table.css';

export interface Column<T> {
  id: string;
  title: string;
  render: (row: T) => ReactNode;
  /** What to sort by; without it the column can't be sorted. */
  sortBy?: (row: T) => string | number;
  end?: boolean;
  /** The header is read out but not shown, as over a column of buttons. */
  quietTitle?: boolean;
}

export interface Sorting {
  column: string;
  descending: boolean;
}

interface Props<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  sorting?: Sorting;
  onSort?: (sorting: Sorting) => void;
}

function sorted<T>(rows: readonly T[], columns: readonly Column<T>[], sorting: Sorting | undefined): readonly T[] {
  const by = columns.find((column) => column.id === sorting?.column)?.sortBy;
  if (by === undefined) return rows;
  const sign = sorting?.descending === true ? -1 : 1;
  return rows.toSorted((left, right) => {
    const [a, b] = [by(left), by(right)];
    return sign * (typeof a === 'string' && typeof b === 'string' ? a.localeCompare(b) : Number(a) - Number(b));
  });
}

/** A real table: the first column heads its row, and on a phone each row becomes a card. */
export function DataTable<T>({ label, columns, rows, rowKey, sorting, onSort }: Props<T>) {
  return (
    <div className="table-wrap">
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <HeaderCell key={column.id} column={column} sorting={sorting} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, sorting).map((row) => (
            <tr key={rowKey(row)}>
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.id} scope="row">
                    {column.render(row)}
                  </th>
                ) : (
                  <td key={column.id} className={column.end === true ? 'end' : undefined} data-label={column.quietTitle === true ? undefined : column.title}>
                    {column.render(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function HeaderCell<T>({ column, sorting, onSort }: { column: Column<T>; sorting: Sorting | undefined; onSort: Props<T>['onSort'] }) {
  const active = sorting?.column === column.id;
  const end = column.end === true ? 'end' : undefined;
  if (column.quietTitle === true || column.sortBy === undefined || onSort === undefined) {
    return (
      <th scope="col" className={end}>
        {column.quietTitle === true ? <span className="visually-hidden">{column.title}</span> : column.title}
      </th>
    );
  }
  return (
    <th scope="col" className={end} aria-sort={active ? (sorting.descending ? 'descending' : 'ascending') : undefined}>
      <button type="button" className="sort" onClick={() => onSort({ column: column.id, descending: active && !sorting.descending })}>
        {column.title}
        <Icon name="up" size={14} />
      </button>
    </th>
  );
}
