// What a request is charged, added up without rounding.
import type { Explanation } from '../../api/types';

export type Charge = Explanation['charges'][number];

/** A fraction; the API writes exact numbers as decimals, or as fractions where those have no end. */
type Fraction = readonly [numerator: bigint, denominator: bigint];

function fractionOf(exact: string): Fraction {
  const [above = '0', below] = exact.split('/');
  if (below !== undefined) return [BigInt(above), BigInt(below)];
  const [whole = '0', decimals = ''] = above.split('.');
  return [BigInt(whole + decimals), 10n ** BigInt(decimals.length)];
}

function divisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : divisor(b, a % b);
}

/** As the API writes it. */
function textOf([numerator, denominator]: Fraction): string {
  const common = divisor(numerator < 0n ? -numerator : numerator, denominator);
  const [above, below] = [numerator / common, denominator / common];
  for (let decimals = 0, power = 1n; decimals <= MOST_DECIMALS; decimals += 1, power *= 10n) {
    if (power % below !== 0n) continue;
    const digits = String(above < 0n ? -(above * (power / below)) : above * (power / below)).padStart(decimals + 1, '0');
    const cut = digits.length - decimals;
    return `${above < 0n ? '-' : ''}${digits.slice(0, cut)}${decimals === 0 ? '' : `.${digits.slice(cut)}`}`;
  }
  return `${above}/${below}`;
}

/** More than any price has, or any product of one with a quantity. */
const MOST_DECIMALS = 30;

/** What charges come to, by currency, in the order in which the currencies come up. */
export function totalsOf(charges: readonly Charge[]): { currency: string; exact: string }[] {
  const totals = new Map<string, Fraction>();
  for (const { exact, amount } of charges) {
    const [above, below] = totals.get(amount.currency) ?? [0n, 1n];
    const [more, of] = fractionOf(exact);
    totals.set(amount.currency, [above * of + more * below, below * of]);
  }
  return [...totals].map(([currency, total]) => ({ currency, exact: textOf(total) }));
}

/** Whether it adds nothing to the bill: it is included, or within the limit. */
export function isFree({ exact }: Charge): boolean {
  return fractionOf(exact)[0] === 0n;
}
