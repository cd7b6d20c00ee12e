//! An invoice on paper (A4, PDF 1.7): what the API shows of it and nothing else, so that the two can't disagree.
//!
//! Amounts are those of the invoice, never computed here. The same invoice in the same language gives the same bytes.

mod font;
mod sheet;
mod words;

pub use words::Language;

use crate::invoice::{Invoice, InvoiceLine, Span};
use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use font::Face;
use insula_kernel::{Instant, Money, Span as Length};
use insula_rating::Anchor;
use sheet::{LEFT, Mpt, PT, RIGHT, Sheet, wrapped};
use words::Words;

const TITLE: Face = Face { bold: true, size: 24, gray: 10 };
const STRONG: Face = Face { bold: true, size: 10, gray: 10 };
const PLAIN: Face = Face { bold: false, size: 10, gray: 10 };
const QUIET: Face = Face { bold: false, size: 9, gray: 45 };
const LABEL: Face = Face { bold: true, size: 8, gray: 45 };
/// From line to line of what is set in 10 points.
const LINE: Mpt = 15 * PT;
/// Where the right half begins.
const MIDDLE: Mpt = 330 * PT;
/// Where quantities end.
const QUANTITY: Mpt = 440 * PT;
/// Where the names of sums end.
const SUMS: Mpt = 460 * PT;
/// How wide descriptions may be.
const DESCRIPTION: Mpt = 290 * PT;

/// What a document is.
pub const MEDIA_TYPE: &str = "application/pdf";

/// The document of an invoice as a reply: a file that is named by the invoice's number.
#[must_use]
pub fn response(invoice: &Invoice, calendar: &Anchor, language: Option<Language>) -> Response {
    let is_japanese = || invoice.customer.as_ref()?.country.as_deref().filter(|country| *country == "JP");
    let usual = if is_japanese().is_some() { Language::Ja } else { Language::En };
    let name = invoice.number.clone().unwrap_or_else(|| invoice.id.to_string());
    let headers = [
        (header::CONTENT_TYPE, MEDIA_TYPE.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{name}.pdf\"")),
    ];
    (headers, render(invoice, calendar, language.unwrap_or(usual))).into_response()
}

/// The document of an invoice. Days are those of the calendar by which the organization is billed.
#[must_use]
pub fn render(invoice: &Invoice, calendar: &Anchor, language: Language) -> Vec<u8> {
    let print = Print { invoice, calendar, language, words: language.words() };
    let mut sheet = Sheet::new();
    print.head(&mut sheet);
    print.parties(&mut sheet);
    print.columns(&mut sheet);
    for line in &invoice.lines {
        print.line(&mut sheet, line);
    }
    print.sums(&mut sheet);
    print.credit_notes(&mut sheet);
    let foot = format!("{} · {}", invoice.seller.name, invoice.id);
    sheet.finish(&print.title(), &foot)
}

struct Print<'a> {
    invoice: &'a Invoice,
    calendar: &'a Anchor,
    language: Language,
    words: &'static Words,
}

impl Print<'_> {
    fn title(&self) -> String {
        let what = if self.invoice.kind == "statement" { self.words.statement } else { self.words.invoice };
        match &self.invoice.number {
            Some(number) => format!("{what} {number}"),
            None => what.to_owned(),
        }
    }

    fn date(&self, at: Instant) -> String {
        self.language.date(self.calendar.date(at))
    }

    /// A half-open time by its first and its last day.
    fn days(&self, time: Span) -> String {
        let last = (time.end - Length::from_micros(1)).max(time.start);
        format!("{} – {}", self.date(time.start), self.date(last))
    }

    fn head(&self, sheet: &mut Sheet) {
        let Invoice { status, number, created_at, finalized_at, due_at, paid_at, .. } = self.invoice;
        let what = if self.invoice.kind == "statement" { self.words.statement } else { self.words.invoice };
        sheet.text(LEFT, what, TITLE);
        sheet.text_to(RIGHT, &self.invoice.seller.name, STRONG);
        sheet.y += 26 * PT;
        let note = match status.as_str() {
            "draft" => Some(self.words.draft),
            "void" => Some(self.words.void),
            "upcoming" => Some(self.words.upcoming),
            _ => None,
        };
        if let Some(note) = note {
            sheet.text(LEFT, note, STRONG);
            sheet.y += LINE;
        }
        let facts = [
            (self.words.number, number.clone()),
            (self.words.issued, Some(self.date(finalized_at.unwrap_or(*created_at)))),
            (self.words.due, due_at.map(|at| self.date(at))),
            (self.words.paid, paid_at.map(|at| self.date(at))),
        ];
        for (name, value) in facts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            sheet.text(LEFT, name, QUIET);
            sheet.text(LEFT + 70 * PT, &value, PLAIN);
            sheet.y += LINE;
        }
        sheet.y += 14 * PT;
    }

    /// Who issues it on the left, who is billed on the right.
    fn parties(&self, sheet: &mut Sheet) {
        let top = sheet.y;
        sheet.text(LEFT, self.words.from, LABEL);
        sheet.y += LINE;
        let half = MIDDLE - LEFT - 20 * PT;
        for line in wrapped(&self.invoice.seller.name, half, PLAIN) {
            sheet.text(LEFT, &line, PLAIN);
            sheet.y += LINE;
        }
        let left = sheet.y;
        sheet.y = top;
        if let Some(customer) = &self.invoice.customer {
            sheet.text(MIDDLE, self.words.to, LABEL);
            sheet.y += LINE;
            let tax_id = customer.tax_id.as_deref().filter(|id| !id.is_empty());
            let tax_id = tax_id.map(|id| format!("{} {id}", self.words.tax_id));
            let lines = std::iter::once((customer.name.as_str(), STRONG))
                .chain(customer.address.lines().map(|line| (line, PLAIN)))
                .chain(customer.country.as_deref().map(|country| (country, PLAIN)))
                .chain(tax_id.as_deref().map(|id| (id, PLAIN)));
            for (line, face) in lines {
                for part in wrapped(line, RIGHT - MIDDLE, face) {
                    self.room(sheet, LINE);
                    sheet.text(MIDDLE, &part, face);
                    sheet.y += LINE;
                }
            }
        }
        sheet.y = sheet.y.max(left) + 22 * PT;
    }

    /// The names of the columns.
    fn columns(&self, sheet: &mut Sheet) {
        let amount = format!("{} ({})", self.words.amount, self.invoice.total.currency.code());
        sheet.text(LEFT, self.words.description, LABEL);
        sheet.text_to(QUANTITY, self.words.quantity, LABEL);
        sheet.text_to(RIGHT, &amount, LABEL);
        sheet.y += 7 * PT;
        sheet.rule(LEFT, RIGHT, 60);
        sheet.y += 16 * PT;
    }

    /// Turns the page where so much doesn't fit.
    fn room(&self, sheet: &mut Sheet, height: Mpt) {
        if !sheet.has_room(height) {
            sheet.turn();
            sheet.text(LEFT, &self.title(), QUIET);
            sheet.y += 24 * PT;
        }
    }

    fn line(&self, sheet: &mut Sheet, line: &InvoiceLine) {
        let description = wrapped(&line.description, DESCRIPTION, PLAIN);
        let height = LINE * i32::try_from(description.len() + 1).unwrap_or(2);
        if !sheet.has_room(height) {
            self.room(sheet, height);
            self.columns(sheet);
        }
        sheet.text_to(QUANTITY, &grouped(&line.quantity), PLAIN);
        sheet.text_to(RIGHT, &amount(line.amount), PLAIN);
        for part in description {
            sheet.text(LEFT, &part, PLAIN);
            sheet.y += 13 * PT;
        }
        sheet.text(LEFT, &self.days(line.period), QUIET);
        sheet.y += 8 * PT;
        sheet.rule(LEFT, RIGHT, 88);
        sheet.y += 16 * PT;
    }

    fn sums(&self, sheet: &mut Sheet) {
        let Invoice { subtotal, taxes, total, balance_used, credited, due, .. } = self.invoice;
        let tax = |tax: &crate::invoice::InvoiceTax| {
            let inclusive = if tax.inclusive { format!(" ({})", self.words.included) } else { String::new() };
            (format!("{} {} %{inclusive}", tax.name, tax.percent), tax.amount)
        };
        let less = |name: &str, money: &Money| {
            let negative = Money { minor: money.minor.saturating_neg(), ..*money };
            (money.minor != 0).then(|| (name.to_owned(), negative))
        };
        let rows: Vec<(String, Money)> = std::iter::once((self.words.subtotal.to_owned(), *subtotal))
            .chain(taxes.iter().map(tax))
            .chain([(self.words.total.to_owned(), *total)])
            .chain(less(self.words.balance, balance_used))
            .chain(less(self.words.credited, credited))
            .collect();
        let height = LINE * (i32::try_from(rows.len()).unwrap_or(8) + 2);
        self.room(sheet, height);
        for (name, money) in rows {
            let face = if name == self.words.total { STRONG } else { PLAIN };
            sheet.text_to(SUMS, &name, face);
            sheet.text_to(RIGHT, &amount(money), face);
            sheet.y += LINE;
        }
        sheet.y -= 4 * PT;
        sheet.rule(MIDDLE, RIGHT, 60);
        sheet.y += 17 * PT;
        let due_face = Face { size: 12, ..STRONG };
        sheet.text_to(SUMS, self.words.to_pay, due_face);
        sheet.text_to(RIGHT, &format!("{} {}", due.currency.code(), amount(*due)), due_face);
        sheet.y += 30 * PT;
    }

    fn credit_notes(&self, sheet: &mut Sheet) {
        for note in &self.invoice.credit_notes {
            let text = format!("{} {}: {}", self.words.credit_note, note.number, note.reason);
            for (at, part) in wrapped(&text, DESCRIPTION, QUIET).into_iter().enumerate() {
                self.room(sheet, LINE);
                sheet.text(LEFT, &part, QUIET);
                if at == 0 {
                    sheet.text_to(QUANTITY, &self.date(note.created_at), QUIET);
                    sheet.text_to(RIGHT, &amount(note.amount), QUIET);
                }
                sheet.y += LINE;
            }
        }
    }
}

/// An amount in major units, with a comma at each thousand.
fn amount(money: Money) -> String {
    grouped(&money.amount())
}

/// A decimal with a comma at each thousand.
fn grouped(decimal: &str) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |digits| ("-", digits));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut text = sign.to_owned();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::Seller;
    use insula_kernel::{Currency, InvoiceId};

    fn invoice(lines: u32) -> Invoice {
        let at = Instant::from_secs(1_700_000_000);
        let money = |minor| Money { minor, currency: Currency::from_code("USD").unwrap() };
        let line = |position| InvoiceLine {
            position,
            kind: "usage".to_owned(),
            item: "requests".to_owned(),
            version: 1,
            description: format!("Position {position:03} of a long list"),
            period: Span { start: at, end: at + Length::from_days(30) },
            quantity: "1234.5".to_owned(),
            amount: money(100),
            meter: None,
            events: None,
            digest: None,
            work: serde_json::Value::Null,
        };
        Invoice {
            id: InvoiceId::from_uuid(uuid::Uuid::from_u128(7)),
            kind: "invoice".to_owned(),
            status: "open".to_owned(),
            number: Some("INV-000007".to_owned()),
            reason: "period".to_owned(),
            created_at: at,
            usage_period: None,
            finalize_at: at,
            finalized_at: Some(at),
            due_at: None,
            paid_at: None,
            voided_at: None,
            subtotal: money(i64::from(lines) * 100),
            taxes: Vec::new(),
            total: money(i64::from(lines) * 100),
            balance_used: money(0),
            credited: money(0),
            due: money(i64::from(lines) * 100),
            seller: Seller { name: "Seller".to_owned() },
            customer: None,
            lines: (1..=lines).map(line).collect(),
            credit_notes: Vec::new(),
        }
    }

    #[test]
    fn every_line_of_a_long_invoice_is_on_some_page() {
        let calendar = Anchor::utc(Instant::from_secs(0));
        let printed = render(&invoice(70), &calendar, Language::En);
        let text = String::from_utf8_lossy(&printed);
        for position in 1..=70 {
            assert!(text.contains(&format!("(Position {position:03} of a long list)")), "{position}");
        }
        let pages = text.matches("/Type /Page\n").count();
        assert!(pages > 2 && text.contains(&format!("({pages} / {pages})")), "{pages} pages");
        assert!(text.contains("(USD 70.00)") && text.contains("(1,234.5)"));
        assert_eq!(render(&invoice(70), &calendar, Language::En), printed, "the same bytes");
    }

    #[test]
    fn thousands_are_told_apart() {
        for (plain, shown) in [
            ("0", "0"),
            ("999", "999"),
            ("1000.50", "1,000.50"),
            ("-1234567", "-1,234,567"),
            ("0.1234", "0.1234"),
        ] {
            assert_eq!(grouped(plain), shown);
        }
    }
}
