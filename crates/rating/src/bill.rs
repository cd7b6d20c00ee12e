//! Adding up a bill: charges − coupons → tax → − credit notes → − wallet.

use crate::{Exact, TooLarge};
use insula_kernel::{Currency, Decimal, Money};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A tax.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TaxRate {
    /// What it is called on the bill.
    pub name: String,
    /// How much, in percent.
    #[schemars(with = "String")]
    pub percent: Decimal,
    /// Whether prices contain it already.
    pub inclusive: bool,
}

/// A charge to be added up: an amount that was rounded already, and its tax.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The amount, in minor units; below zero for a credit.
    pub amount: i64,
    /// The tax on it, if there is one.
    pub tax: Option<&'a TaxRate>,
}

/// What is taken off, in minor units, none below zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deductions {
    /// Before tax: coupons and other discounts.
    pub coupons: i64,
    /// After tax: credit notes that wait to be used.
    pub credit_notes: i64,
    /// Last: what was paid in before.
    pub wallet: i64,
}

/// A tax on a bill.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tax {
    /// The rate.
    pub rate: TaxRate,
    /// What it is on, after discounts: without the tax.
    pub base: i64,
    /// The tax.
    pub amount: i64,
}

/// A bill that is added up, in minor units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Totals {
    /// The sum of the charges.
    pub subtotal: i64,
    /// What coupons took off; never more than there was.
    pub discount: i64,
    /// The taxes, in the order in which their rates come first.
    pub taxes: Vec<Tax>,
    /// What the bill comes to with tax; below zero if credits outweigh charges.
    pub total: i64,
    /// What credit notes took off the total.
    pub credits: i64,
    /// What the wallet took off the rest.
    pub wallet: i64,
    /// What is left to pay; never below zero.
    pub due: i64,
}

/// Adds up a bill. A discount is shared out among the charges in proportion, so that each rate gets its part; each rate's
/// tax is computed on the sum of its lines and rounded once.
pub fn total(items: &[Item<'_>], off: Deductions, currency: Currency) -> Result<Totals, TooLarge> {
    let sum = |amounts: &[i64]| {
        amounts.iter().try_fold(0i64, |sum, amount| sum.checked_add(*amount)).ok_or(TooLarge)
    };
    let amounts: Vec<i64> = items.iter().map(|item| item.amount).collect();
    let subtotal = sum(&amounts)?;
    let discount = off.coupons.clamp(0, subtotal.max(0));
    let rest = discounted(&amounts, discount)?;
    let mut taxes: Vec<Tax> = Vec::new();
    for (item, amount) in items.iter().zip(&rest) {
        let Some(rate) = item.tax else { continue };
        match taxes.iter_mut().find(|tax| tax.rate == *rate) {
            Some(tax) => tax.base = tax.base.checked_add(*amount).ok_or(TooLarge)?,
            None => taxes.push(Tax { rate: rate.clone(), base: *amount, amount: 0 }),
        }
    }
    let mut added = 0i64;
    for tax in &mut taxes {
        tax.amount = tax_on(tax.base, &tax.rate, currency)?;
        if tax.rate.inclusive {
            tax.base = tax.base.checked_sub(tax.amount).ok_or(TooLarge)?;
        } else {
            added = added.checked_add(tax.amount).ok_or(TooLarge)?;
        }
    }
    let total = subtotal.checked_sub(discount).and_then(|net| net.checked_add(added)).ok_or(TooLarge)?;
    let credits = off.credit_notes.clamp(0, total.max(0));
    let wallet = off.wallet.clamp(0, (total - credits).max(0));
    Ok(Totals { subtotal, discount, taxes, total, credits, wallet, due: (total - credits - wallet).max(0) })
}

/// The tax in or on an amount.
fn tax_on(amount: i64, rate: &TaxRate, currency: Currency) -> Result<i64, TooLarge> {
    let taxed = Exact::money(Money { minor: amount, currency });
    let percent = Exact::from(rate.percent);
    let hundred = Exact::from(100);
    let divisor = if rate.inclusive { hundred + percent.clone() } else { hundred };
    let tax = (&taxed * &percent).divided_by(&divisor).ok_or(TooLarge)?;
    Ok(tax.rounded(currency)?.minor)
}

/// The amounts less their parts of the discount: each bears what its share of the positive charges comes to, cut where
/// the running sum says, so that the parts add up to the discount.
fn discounted(amounts: &[i64], discount: i64) -> Result<Vec<i64>, TooLarge> {
    let positive = |amount: i64| i128::from(amount.max(0));
    let whole: i128 = amounts.iter().map(|amount| positive(*amount)).sum();
    if discount == 0 || whole == 0 {
        return Ok(amounts.to_vec());
    }
    let mut before = 0i128;
    let mut taken = 0i128;
    let share = |amount: &i64| {
        before += positive(*amount);
        let so_far = i128::from(discount) * before / whole;
        let part = so_far - std::mem::replace(&mut taken, so_far);
        i64::try_from(i128::from(*amount) - part).map_err(|_| TooLarge)
    };
    amounts.iter().map(share).collect()
}
