//! The tables of blueprint versions, plan versions, subscriptions and invoices.

use crate::account::account_columns;
use insula_storage::statements;

/// The columns of an invoice as [`crate::invoice`] reads them.
macro_rules! invoice_columns {
    () => {
        "id, operation, kind, status, number, reason, currency, created_at, usage_from, usage_to, cycle_start, cycle_end, \
         month_start, month_end, finalize_at, finalized_at, due_at, paid_at, voided_at, subtotal, tax, taxes, total, \
         balance_used, credited, due, seller, customer, settled"
    };
}

macro_rules! line_columns {
    () => {
        "line_key, kind, item, version, description, cycle_start, period_start, period_end, quantity, amount, whole, \
         adjusts, meter, units, events, digest, settled_from, settled_to, work"
    };
}

macro_rules! offer_columns {
    () => {
        "tenant_id, id, status, plan, request, definition, currency, interval, expires_at, created_at, updated_at"
    };
}

const OFFER: &str = concat!("SELECT ", offer_columns!(), " FROM offer WHERE tenant_id = $1 AND id = $2");
const NEW_OFFER: &str = "INSERT INTO offer (tenant_id, id, status, plan, request, created_at, updated_at)
         VALUES ($1, $2, 'requested', $3, $4, $5, $5)";
const OPEN: &str = "SELECT count(*) FROM offer WHERE tenant_id = $1 AND status IN ('requested', 'offered')";
const INVOICE: &str =
    concat!("SELECT ", invoice_columns!(), " FROM invoice WHERE tenant_id = $1 AND id = $2");
const LINES: &str = concat!(
    "SELECT ",
    line_columns!(),
    " FROM invoice_line WHERE tenant_id = $1 AND invoice_id = $2 ORDER BY position"
);
const PROFILE: &str =
    "SELECT name, address, country, tax_id, email FROM billing_profile WHERE tenant_id = $1";
const BALANCE: &str = "SELECT CAST(COALESCE(sum(amount), 0) AS BIGINT) FROM customer_balance
         WHERE tenant_id = $1 AND currency = $2";
const CREDIT_NOTES: &str = "SELECT id, number, amount, tax, reason, created_at, created_by FROM credit_note
         WHERE tenant_id = $1 AND invoice_id = $2 ORDER BY created_at, id";

statements! {
    catalogue TENANT_STATEMENTS of Tenant;
    Ledger GET_SUBSCRIPTION(tenant: Id) =
        concat!("SELECT ", account_columns!(), " FROM subscription WHERE tenant_id = $1");
    Ledger ALLOW_OVERAGE(tenant: Id, allowed: Bool) = "UPDATE subscription SET allows_overage = $2 WHERE tenant_id = $1";
    Ledger LIST_INVOICES(tenant: Id, statements: Bool, before: Id, limit: Int) =
        concat!("SELECT ", invoice_columns!(), " FROM invoice
         WHERE tenant_id = $1 AND ($2 OR kind = 'invoice')
           AND ordinal < COALESCE((SELECT ordinal FROM invoice WHERE tenant_id = $1 AND id = $3), 9223372036854775807)
         ORDER BY ordinal DESC LIMIT $4");
    Ledger GET_INVOICE(tenant: Id, id: Id) = INVOICE;
    Ledger EXPORT_LINES(tenant: Id, from: Int, to: Int, limit: Int) =
        "SELECT i.id, i.number, i.status, i.currency, i.finalized_at, i.due_at, i.paid_at, i.taxes, i.customer,
                l.position, l.kind, l.item, l.description, l.period_start, l.period_end, l.quantity, l.amount
         FROM invoice i JOIN invoice_line l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.id
         WHERE i.tenant_id = $1 AND i.kind = 'invoice' AND i.finalized_at >= $2 AND i.finalized_at < $3
         ORDER BY i.finalized_at, i.ordinal, l.position LIMIT $4";
    Ledger EXPORT_CREDIT_NOTES(tenant: Id, from: Int, to: Int, limit: Int) =
        "SELECT i.id, i.status, i.currency, i.customer, n.number, n.amount, n.reason, n.created_at
         FROM credit_note n JOIN invoice i ON i.tenant_id = n.tenant_id AND i.id = n.invoice_id
         WHERE n.tenant_id = $1 AND n.created_at >= $2 AND n.created_at < $3
         ORDER BY n.created_at, n.id LIMIT $4";
    Ledger GET_LINES(tenant: Id, invoice: Id) = LINES;
    Ledger GET_CREDIT_NOTES(tenant: Id, invoice: Id) = CREDIT_NOTES;
    Ledger GET_PROFILE(tenant: Id) = PROFILE;
    Ledger GET_BALANCE(tenant: Id, currency: Text) = BALANCE;
    Ledger PUT_PROFILE(tenant: Id, name: Text, address: Text, country: Text, tax_id: Text, email: Text, now: Int) =
        "INSERT INTO billing_profile (tenant_id, name, address, country, tax_id, email, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id) DO UPDATE SET name = excluded.name, address = excluded.address,
             country = excluded.country, tax_id = excluded.tax_id, email = excluded.email,
             updated_at = excluded.updated_at";
    Ledger INSERT_OFFER(tenant: Id, id: Id, plan: Text, request: Text, now: Int) = NEW_OFFER;
    Ledger OPEN_OFFERS(tenant: Id) = OPEN;
    Ledger GET_OFFER(tenant: Id, id: Id) = OFFER;
    Ledger LIST_OFFERS(tenant: Id, before: Id, limit: Int) =
        concat!("SELECT ", offer_columns!(), " FROM offer WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    Ledger ANSWER_OFFER(tenant: Id, id: Id, status: Text, now: Int) =
        "UPDATE offer SET status = $3, updated_at = $4
         WHERE tenant_id = $1 AND id = $2 AND status IN ('requested', 'offered')";
}

statements! {
    catalogue PLATFORM_STATEMENTS of Platform;
    Ledger CURRENT_BLUEPRINT() =
        "SELECT number, digest, source, applied_at FROM blueprint_version ORDER BY number DESC LIMIT 1";
    Ledger BLUEPRINT_VERSION(number: Int) =
        "SELECT number, digest, source, applied_at FROM blueprint_version WHERE number = $1";
    Ledger INSERT_BLUEPRINT(number: Int, id: Id, digest: Text, source: Text, now: Int, by: Text) =
        "INSERT INTO blueprint_version (number, id, digest, source, applied_at, applied_by)
         VALUES ($1, $2, $3, $4, $5, $6)";
    Ledger CURRENT_PLAN(plan: Text) =
        "SELECT version, digest FROM plan_version WHERE plan = $1 ORDER BY version DESC LIMIT 1";
    Ledger INSERT_PLAN(plan: Text, version: Int, digest: Text, definition: Text, now: Int) =
        "INSERT INTO plan_version (plan, version, digest, definition, created_at) VALUES ($1, $2, $3, $4, $5)";
    Ledger CURRENT_DIGESTS() =
        "SELECT plan, version, digest FROM plan_version v
         WHERE version = (SELECT max(o.version) FROM plan_version o WHERE o.plan = v.plan)";
    Ledger CURRENT_VERSIONS() = "SELECT plan, max(version) FROM plan_version GROUP BY plan";

    Ledger INSERT_SUBSCRIPTION(
        tenant: Id, status: Text, plan: Text, version: Int, currency: Text, interval: Text, seats: Int, add_ons: Text,
        anchor: Int, zone: Text, start: Int, end: Int, usage_from: Int, trial_end: Int, past_due: Int, lapsed: Int,
        paused: Int, cancel: Int, canceled: Int, pays: Bool, pending: Text, changed: Int, sequence: Int, overage: Bool,
        clock: Int, due: Int, id: Id, started: Int,
    ) =
        "INSERT INTO subscription (tenant_id, status, plan, plan_version, currency, interval, seats, add_ons, anchor_at,
                                   zone, period_start, period_end, usage_from, trial_end, past_due_since, lapsed_at,
                                   paused_at, cancel_at, canceled_at, pays, pending, changed_at, sequence,
                                   allows_overage, clock_offset, due_at, id, started_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                 $24, $25, $26, $27, $28)";
    Ledger SAVE_SUBSCRIPTIONS(
        tenant: Id, status: Text, plan: Text, version: Int, currency: Text, interval: Text, seats: Int, add_ons: Text,
        anchor: Int, zone: Text, start: Int, end: Int, usage_from: Int, trial_end: Int, past_due: Int, lapsed: Int,
        paused: Int, cancel: Int, canceled: Int, pays: Bool, pending: Text, changed: Int, sequence: Int, overage: Bool,
        clock: Int, due: Int,
    ) =
        "WITH saved (tenant_id, status, plan, plan_version, currency, interval, seats, add_ons, anchor_at, zone,
                     period_start, period_end, usage_from, trial_end, past_due_since, lapsed_at, paused_at, cancel_at,
                     canceled_at, pays, pending, changed_at, sequence, allows_overage, clock_offset, due_at)
              AS (VALUES {rows})
         UPDATE subscription AS s
         SET status = n.status, plan = n.plan, plan_version = n.plan_version, currency = n.currency,
             interval = n.interval, seats = n.seats, add_ons = n.add_ons, anchor_at = n.anchor_at, zone = n.zone,
             period_start = n.period_start, period_end = n.period_end, usage_from = n.usage_from,
             trial_end = n.trial_end, past_due_since = n.past_due_since, lapsed_at = n.lapsed_at,
             paused_at = n.paused_at, cancel_at = n.cancel_at, canceled_at = n.canceled_at, pays = n.pays,
             pending = n.pending, changed_at = n.changed_at, sequence = n.sequence,
             allows_overage = n.allows_overage, clock_offset = n.clock_offset, due_at = n.due_at
         FROM saved n WHERE s.tenant_id = n.tenant_id";
    Ledger LOCK_SUBSCRIPTIONS(tenant: Id) =
        concat!("WITH wanted (tenant_id) AS (VALUES {rows})
         SELECT ", account_columns!(), " FROM subscription WHERE tenant_id IN (SELECT tenant_id FROM wanted)
         ORDER BY due_at, tenant_id {lock}");
    Ledger SUBSCRIPTION_OF(tenant: Id) =
        concat!("SELECT ", account_columns!(), " FROM subscription WHERE tenant_id = $1");
    Ledger SUBSCRIPTIONS_OF(tenant: Id) =
        "WITH wanted (tenant_id) AS (VALUES {rows})
         SELECT s.tenant_id, s.plan, s.plan_version, s.status, s.trial_end, s.cancel_at
         FROM wanted w JOIN subscription s ON s.tenant_id = w.tenant_id";
    Ledger ALL_SUBSCRIPTIONS() = concat!("SELECT ", account_columns!(), " FROM subscription");
    Ledger SUBSCRIBERS_OF(plan: Text, version: Int) =
        "SELECT tenant_id FROM subscription
         WHERE plan = $1 AND plan_version <> $2 AND status NOT IN ('prepared', 'canceled') ORDER BY tenant_id";
    Ledger REMOVE_PREPARED(tenant: Id) = "DELETE FROM subscription WHERE tenant_id = $1 AND status = 'prepared'";
    Ledger DUE_SUBSCRIPTIONS(now: Int, limit: Int) =
        "SELECT tenant_id FROM subscription WHERE due_at <= $1 ORDER BY due_at, tenant_id LIMIT $2";
    Ledger POSTPONE_SUBSCRIPTION(tenant: Id, until: Int) = "UPDATE subscription SET due_at = $2 WHERE tenant_id = $1";
    Ledger CLOSED_UNTIL(after: Id, limit: Int) =
        "SELECT s.tenant_id, s.usage_from,
                (SELECT min(i.usage_from) FROM invoice i WHERE i.tenant_id = s.tenant_id AND i.status = 'draft')
         FROM subscription s WHERE s.tenant_id > $1 ORDER BY s.tenant_id LIMIT $2";
    Ledger CLOSED_UNTIL_OF(tenant: Id) =
        "SELECT s.usage_from,
                (SELECT min(i.usage_from) FROM invoice i WHERE i.tenant_id = s.tenant_id AND i.status = 'draft')
         FROM subscription s WHERE s.tenant_id = $1";
    Ledger TEST_CLOCKS() = "SELECT tenant_id, clock_offset FROM subscription WHERE clock_offset IS NOT NULL ORDER BY tenant_id";
    Ledger PLAN_VERSION(plan: Text, version: Int) =
        "SELECT definition FROM plan_version WHERE plan = $1 AND version = $2";
    Ledger ALL_PLAN_VERSIONS() = "SELECT plan, version, definition FROM plan_version";

    Ledger START_ITEM(
        tenant: Id, id: Id, plan: Text, version: Int, currency: Text, interval: Text, seats: Int, add_ons: Text,
        trial: Bool, starts: Int,
    ) =
        "INSERT INTO subscription_item (tenant_id, id, plan, plan_version, currency, interval, seats, add_ons, is_trial,
                                        starts_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    Ledger END_ITEM(tenant: Id, at: Int) =
        "UPDATE subscription_item SET ends_at = $2 WHERE tenant_id = $1 AND ends_at IS NULL";
    Ledger ITEMS_IN(tenant: Id, from: Int, to: Int) =
        "SELECT plan, plan_version, currency, interval, seats, add_ons, is_trial, starts_at, ends_at
         FROM subscription_item
         WHERE tenant_id = $1 AND starts_at < $3 AND (ends_at IS NULL OR ends_at > $2)
         ORDER BY starts_at, id";

    // What was given back once is not given back again.
    Ledger DEBITED(tenant: Id, at: Int) =
        "SELECT l.line_key, l.item, l.version, l.description, l.cycle_start, l.period_start, l.period_end, l.quantity,
                l.amount, l.whole, i.id, i.currency, i.credited
         FROM invoice_line l JOIN invoice i ON i.tenant_id = l.tenant_id AND i.id = l.invoice_id
         WHERE l.tenant_id = $1 AND l.kind = 'charge' AND l.period_end > $2 AND i.status <> 'void'
           AND NOT EXISTS (SELECT 1 FROM invoice_line c WHERE c.tenant_id = l.tenant_id AND c.adjusts = l.line_key)
         ORDER BY l.period_start, l.line_key";
    Ledger INSERT_INVOICE(
        tenant: Id, id: Id, operation: Text, reason: Text, currency: Text, created: Int, usage_from: Int, usage_to: Int,
        cycle_start: Int, cycle_end: Int, month_start: Int, month_end: Int, finalize: Int,
    ) =
        "INSERT INTO invoice (tenant_id, id, operation, kind, status, reason, currency, created_at, usage_from, usage_to,
                              cycle_start, cycle_end, month_start, month_end, finalize_at, subtotal, tax, taxes, total,
                              balance_used, credited, due, seller, customer, ordinal)
         VALUES ($1, $2, $3, 'invoice', 'draft', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, '[]', 0, 0, 0, 0, '{}',
                 '{}', (SELECT COALESCE(max(ordinal), 0) + 1 FROM invoice WHERE tenant_id = $1))";
    Ledger FINALIZE_INVOICE(
        tenant: Id, id: Id, kind: Text, status: Text, number: Text, finalized: Int, due_at: Int, paid: Int, subtotal: Int,
        tax: Int, taxes: Text, total: Int, balance_used: Int, due: Int, seller: Text, customer: Text, settled: Int,
    ) =
        "UPDATE invoice SET kind = $3, status = $4, number = $5, finalized_at = $6, due_at = $7, paid_at = $8,
             subtotal = $9, tax = $10, taxes = $11, total = $12, balance_used = $13, due = $14, seller = $15,
             customer = $16, settled = $17
         WHERE tenant_id = $1 AND id = $2 AND status = 'draft'";
    Ledger MARK_INVOICE(tenant: Id, id: Id, status: Text, paid: Int, voided: Int, credited: Int, due: Int) =
        "UPDATE invoice SET status = $3, paid_at = $4, voided_at = $5, credited = $6, due = $7
         WHERE tenant_id = $1 AND id = $2";
    Ledger INVOICE_OF(tenant: Id, id: Id) = INVOICE;
    Ledger INVOICES_OF(tenant: Id, before: Id, limit: Int) =
        concat!("SELECT ", invoice_columns!(), " FROM invoice
         WHERE tenant_id = $1
           AND ordinal < COALESCE((SELECT ordinal FROM invoice WHERE tenant_id = $1 AND id = $2), 9223372036854775807)
         ORDER BY ordinal DESC LIMIT $3");
    Ledger LIST_ALL_INVOICES(from: Int, to: Int, status: Text, before: Id, limit: Int) =
        "SELECT tenant_id, id FROM invoice
         WHERE kind = 'invoice' AND COALESCE(finalized_at, created_at) >= $1
           AND COALESCE(finalized_at, created_at) < $2 AND ($3 = '' OR status = $3) AND id < $4
         ORDER BY id DESC LIMIT $5";
    Ledger TEST_CLOCKS_AFTER(after: Id, limit: Int) =
        "SELECT tenant_id, clock_offset FROM subscription
         WHERE clock_offset IS NOT NULL AND tenant_id > $1 ORDER BY tenant_id LIMIT $2";
    Ledger INVOICE_BY_OPERATION(tenant: Id, operation: Text) =
        concat!("SELECT ", invoice_columns!(), " FROM invoice WHERE tenant_id = $1 AND operation = $2");
    Ledger INVOICES_WAITING(tenant: Id) =
        "WITH wanted (tenant_id) AS (VALUES {rows})
         SELECT i.tenant_id, i.id, i.status, i.finalize_at, i.due_at, i.due
         FROM wanted w JOIN invoice i ON i.tenant_id = w.tenant_id
         WHERE i.status IN ('draft', 'open')";
    Ledger INVOICES_OVER(tenant: Id, from: Int, to: Int) =
        concat!("SELECT ", invoice_columns!(), " FROM invoice
         WHERE tenant_id = $1 AND usage_from < $3 AND usage_to > $2 AND finalized_at IS NOT NULL
         ORDER BY usage_from, id");
    Ledger LINES_OF(tenant: Id, invoice: Id) = LINES;
    Ledger BILLED_USAGE(tenant: Id, from: Int, to: Int) =
        concat!("SELECT ", line_columns!(), " FROM invoice_line
         WHERE tenant_id = $1 AND meter IS NOT NULL AND period_start >= $2 AND period_end <= $3
         ORDER BY settled_to, line_key");
    Ledger FINAL_AFTER(tenant: Id, id: Id, limit: Int) =
        "SELECT tenant_id, id FROM invoice
         WHERE (tenant_id, id) > ($1, $2) AND finalized_at IS NOT NULL AND usage_from < usage_to
         ORDER BY tenant_id, id LIMIT $3";
    Ledger FINAL_BETWEEN(from: Int, to: Int) =
        "SELECT tenant_id, id FROM invoice
         WHERE finalized_at IS NOT NULL AND usage_from < usage_to AND usage_from < $2 AND usage_to > $1
         ORDER BY tenant_id, id";
    Ledger INSERT_LINES(
        tenant: Id, invoice: Id, position: Int, key: Text, kind: Text, item: Text, version: Int, description: Text,
        cycle_start: Int, period_start: Int, period_end: Int, quantity: Text, amount: Int, whole: Int, adjusts: Text,
        meter: Text, units: Int, events: Int, digest: Int, settled_from: Int, settled_to: Int, work: Text,
    ) =
        "INSERT INTO invoice_line (tenant_id, invoice_id, position, line_key, kind, item, version, description,
                                   cycle_start, period_start, period_end, quantity, amount, whole, adjusts, meter, units,
                                   events, digest, settled_from, settled_to, work)
         VALUES {rows}";

    Ledger CREDIT_NOTES_OF(tenant: Id, invoice: Id) = CREDIT_NOTES;
    Ledger INSERT_CREDIT_NOTE(
        tenant: Id, id: Id, number: Text, invoice: Id, amount: Int, tax: Int, reason: Text, at: Int, by: Text,
    ) =
        "INSERT INTO credit_note (tenant_id, id, number, invoice_id, amount, tax, reason, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    Ledger NEXT_NUMBER(name: Text) =
        "INSERT INTO number_series (name, last) VALUES ($1, 1)
         ON CONFLICT (name) DO UPDATE SET last = number_series.last + 1
         RETURNING last";
    Ledger BALANCE_OF(tenant: Id, currency: Text) = BALANCE;
    Ledger ADD_TO_BALANCE(tenant: Id, id: Id, at: Int, currency: Text, amount: Int, reason: Text, invoice: Id) =
        "INSERT INTO customer_balance (tenant_id, id, at, currency, amount, reason, invoice_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    Ledger PROFILE_OF(tenant: Id) = PROFILE;
    Ledger INSERT_ONE_OFF(
        tenant: Id, id: Id, description: Text, currency: Text, amount: Int, at: Int, by: Text,
    ) =
        "INSERT INTO one_off_item (tenant_id, id, description, currency, amount, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    Ledger OPEN_ONE_OFFS(tenant: Id, currency: Text) =
        "SELECT id, description, amount, created_at FROM one_off_item
         WHERE tenant_id = $1 AND currency = $2 AND invoice_id IS NULL ORDER BY created_at, id";
    Ledger TAKE_ONE_OFFS(tenant: Id, currency: Text, invoice: Id) =
        "UPDATE one_off_item SET invoice_id = $3 WHERE tenant_id = $1 AND currency = $2 AND invoice_id IS NULL";

    Ledger INSERT_OFFER_FOR(tenant: Id, id: Id, plan: Text, request: Text, now: Int) = NEW_OFFER;
    Ledger OPEN_OFFERS_OF(tenant: Id) = OPEN;
    Ledger OFFER_OF(tenant: Id, id: Id) = concat!("SELECT ", offer_columns!(), " FROM offer
         WHERE tenant_id = $1 AND id = $2 {lock}");
    Ledger LOCK_OFFER(id: Id) = concat!("SELECT ", offer_columns!(), " FROM offer WHERE id = $1 {lock}");
    Ledger ACCEPTED_OFFER(tenant: Id, id: Id) =
        "SELECT id FROM offer WHERE tenant_id = $1 AND id = $2 AND status = 'accepted'";
    Ledger LIST_ALL_OFFERS(status: Text, before: Id, limit: Int) =
        concat!("SELECT ", offer_columns!(), " FROM offer
         WHERE ($1 = '' OR status = $1) AND id < $2 ORDER BY id DESC LIMIT $3");
    Ledger QUOTE_OFFER(
        tenant: Id, id: Id, definition: Text, currency: Text, interval: Text, expires: Int, now: Int,
    ) =
        "UPDATE offer SET status = 'offered', definition = $3, currency = $4, interval = $5, expires_at = $6,
             updated_at = $7
         WHERE tenant_id = $1 AND id = $2";
    Ledger MARK_OFFER(tenant: Id, id: Id, status: Text, now: Int) =
        "UPDATE offer SET status = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2";

    Ledger SET_OVERRIDE(tenant: Id, limit: Text, bound: Int, reason: Text, by: Text, now: Int) =
        "INSERT INTO limit_override (tenant_id, limit_name, bound, reason, set_by, set_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, limit_name) DO UPDATE
         SET bound = excluded.bound, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at";
    Ledger REMOVE_OVERRIDE(tenant: Id, limit: Text) =
        "DELETE FROM limit_override WHERE tenant_id = $1 AND limit_name = $2";
    Ledger LIST_OVERRIDES(tenant: Id) =
        "SELECT limit_name, bound, reason, set_by, set_at FROM limit_override WHERE tenant_id = $1 ORDER BY limit_name";
    Ledger OVERRIDES_OF(tenant: Id) = "SELECT limit_name, bound FROM limit_override WHERE tenant_id = $1";
    Ledger ALL_OVERRIDES() = "SELECT tenant_id, limit_name, bound FROM limit_override";
}
