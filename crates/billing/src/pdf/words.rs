//! What a printed invoice says, by language.

use schemars::JsonSchema;
use serde::Deserialize;

/// The language of a printed invoice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Japanese.
    Ja,
}

pub(super) struct Words {
    pub(super) invoice: &'static str,
    pub(super) statement: &'static str,
    pub(super) number: &'static str,
    pub(super) issued: &'static str,
    pub(super) due: &'static str,
    pub(super) paid: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) tax_id: &'static str,
    pub(super) description: &'static str,
    pub(super) quantity: &'static str,
    pub(super) amount: &'static str,
    pub(super) subtotal: &'static str,
    pub(super) included: &'static str,
    pub(super) total: &'static str,
    pub(super) balance: &'static str,
    pub(super) credited: &'static str,
    pub(super) to_pay: &'static str,
    pub(super) credit_note: &'static str,
    pub(super) draft: &'static str,
    pub(super) void: &'static str,
    pub(super) upcoming: &'static str,
}

const ENGLISH: Words = Words {
    invoice: "Invoice",
    statement: "Statement",
    number: "Number",
    issued: "Issued",
    due: "Due",
    paid: "Paid",
    from: "From",
    to: "Billed to",
    tax_id: "Tax id",
    description: "Description",
    quantity: "Quantity",
    amount: "Amount",
    subtotal: "Subtotal",
    included: "included",
    total: "Total",
    balance: "Paid from the balance",
    credited: "Credited",
    to_pay: "To pay",
    credit_note: "Credit note",
    draft: "Draft: not final yet",
    void: "Void: this invoice was withdrawn",
    upcoming: "A preview: this invoice doesn't exist yet",
};

const JAPANESE: Words = Words {
    invoice: "請求書",
    statement: "利用明細書",
    number: "番号",
    issued: "発行日",
    due: "支払期限",
    paid: "支払日",
    from: "発行者",
    to: "請求先",
    tax_id: "登録番号",
    description: "内容",
    quantity: "数量",
    amount: "金額",
    subtotal: "小計",
    included: "内税",
    total: "合計",
    balance: "残高からの充当",
    credited: "返金",
    to_pay: "お支払額",
    credit_note: "返金通知",
    draft: "下書き:まだ確定していません",
    void: "無効:この請求書は取り消されました",
    upcoming: "見込み:この請求書はまだありません",
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Language {
    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::Ja => &JAPANESE,
        }
    }

    /// A day of a calendar: `1 May 2026`, `2026年5月1日`.
    pub(super) fn date(self, (year, month, day): (i16, i8, i8)) -> String {
        let name = usize::try_from(month - 1).ok().and_then(|at| MONTHS.get(at));
        match self {
            Self::En => format!("{day} {} {year}", name.copied().unwrap_or_default()),
            Self::Ja => format!("{year}年{month}月{day}日"),
        }
    }
}
