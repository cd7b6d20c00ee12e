-- Subscriptions with periods, what they are charged, and what was charged.

ALTER TABLE subscription RENAME TO subscription_before;

-- `usage_from` is when the usage begins that stands on no invoice yet; `due_at` the real time at which something is next
-- to be done, which for an organization with a test clock isn't its own.
CREATE TABLE subscription (
    tenant_id      {id} NOT NULL UNIQUE,
    id             {id} NOT NULL,
    status         TEXT NOT NULL
        CHECK (status IN ('prepared', 'trialing', 'active', 'past_due', 'paused', 'canceled')),
    plan           TEXT NOT NULL,
    plan_version   {int} NOT NULL,
    currency       TEXT NOT NULL,
    interval       TEXT NOT NULL,
    seats          {int} NOT NULL,
    add_ons        TEXT NOT NULL,
    anchor_at      {instant} NOT NULL,
    zone           TEXT NOT NULL,
    period_start   {instant} NOT NULL,
    period_end     {instant} NOT NULL,
    usage_from     {instant} NOT NULL,
    trial_end      {instant},
    past_due_since {instant},
    lapsed_at      {instant},
    paused_at      {instant},
    cancel_at      {instant},
    canceled_at    {instant},
    pays           {bool} NOT NULL,
    pending        TEXT,
    changed_at     {instant} NOT NULL,
    sequence       {int} NOT NULL,
    allows_overage {bool} NOT NULL,
    clock_offset   {int},
    due_at         {instant},
    started_at     {instant} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (plan, plan_version) REFERENCES plan_version (plan, version)
){strict};
CREATE INDEX subscription_due ON subscription (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX subscription_plan ON subscription (plan, plan_version);
--@ tenant subscription(tenant_id): select
--@ platform subscription: select, insert, update, delete
--@postgres GRANT UPDATE (allows_overage) ON subscription TO insula_tenant;

-- Those who subscribed before there were periods begin their first one where they began, a month long; the worker that
-- bills goes on from there.
INSERT INTO subscription (tenant_id, id, status, plan, plan_version, currency, interval, seats, add_ons, anchor_at, zone,
                          period_start, period_end, usage_from, pays, changed_at, sequence, allows_overage, due_at,
                          started_at)
SELECT tenant_id, id, status, plan, plan_version, 'USD', 'month', 1, '{}', started_at, 'UTC', started_at,
       started_at + 2592000000000, started_at, false, started_at, 0, allows_overage, started_at + 2592000000000, started_at
FROM subscription_before;
DROP TABLE subscription_before;

-- Which version of which plan was in force when: half open, the last without an end. What was used meanwhile is rated by
-- it.
CREATE TABLE subscription_item (
    tenant_id    {id} NOT NULL,
    id           {id} NOT NULL,
    plan         TEXT NOT NULL,
    plan_version {int} NOT NULL,
    currency     TEXT NOT NULL,
    interval     TEXT NOT NULL,
    seats        {int} NOT NULL,
    add_ons      TEXT NOT NULL,
    is_trial     {bool} NOT NULL,
    starts_at    {instant} NOT NULL,
    ends_at      {instant},
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE INDEX subscription_item_start ON subscription_item (tenant_id, starts_at);
--@ tenant subscription_item(tenant_id): select
--@ platform subscription_item: select, insert, update, delete

-- An invoice, or a statement of usage that cost nothing and has no number. Usage of [usage_from, usage_to) is put on it
-- when it is finalized; the cycle and the month are those that it lies in, since the anchor may move later.
-- `ordinal` is the order in which those of an organization were made.
CREATE TABLE invoice (
    tenant_id    {id} NOT NULL,
    id           {id} NOT NULL,
    operation    TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('invoice', 'statement')),
    status       TEXT NOT NULL CHECK (status IN ('draft', 'open', 'paid', 'void')),
    number       TEXT UNIQUE,
    reason       TEXT NOT NULL,
    currency     TEXT NOT NULL,
    created_at   {instant} NOT NULL,
    usage_from   {instant},
    usage_to     {instant},
    cycle_start  {instant} NOT NULL,
    cycle_end    {instant} NOT NULL,
    month_start  {instant} NOT NULL,
    month_end    {instant} NOT NULL,
    finalize_at  {instant} NOT NULL,
    finalized_at {instant},
    due_at       {instant},
    paid_at      {instant},
    voided_at    {instant},
    subtotal     {int} NOT NULL,
    tax          {int} NOT NULL,
    taxes        TEXT NOT NULL,
    total        {int} NOT NULL,
    balance_used {int} NOT NULL,
    credited     {int} NOT NULL,
    due          {int} NOT NULL,
    seller       TEXT NOT NULL,
    customer     TEXT NOT NULL,
    settled      {int},
    ordinal      {int} NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, operation),
    UNIQUE (tenant_id, ordinal)
){strict};
CREATE UNIQUE INDEX invoice_id ON invoice (id);
CREATE INDEX invoice_waiting ON invoice (tenant_id, status) WHERE status IN ('draft', 'open');
--@ tenant invoice(tenant_id): select
--@ platform invoice: select, insert, update

-- A line: of a plan, its seats or an add-on for a period (`charge`), the part of it that is given back (`credit`), usage
-- and what goes beyond limits, the rest of a minimum, what came too late for an earlier invoice (`adjustment`), or an item
-- that the operator put there. `whole` is what the whole cycle costs; `settled_from` and `settled_to` bound the numbers of
-- the events behind it.
CREATE TABLE invoice_line (
    tenant_id    {id} NOT NULL,
    invoice_id   {id} NOT NULL,
    position     {int} NOT NULL,
    line_key     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    item         TEXT NOT NULL,
    version      {int} NOT NULL,
    description  TEXT NOT NULL,
    cycle_start  {instant} NOT NULL,
    period_start {instant} NOT NULL,
    period_end   {instant} NOT NULL,
    quantity     TEXT NOT NULL,
    amount       {int} NOT NULL,
    whole        {int} NOT NULL,
    adjusts      TEXT,
    meter        TEXT,
    units        {int},
    events       {int},
    digest       {int},
    settled_from {int},
    settled_to   {int},
    work         TEXT NOT NULL,
    PRIMARY KEY (tenant_id, invoice_id, position),
    UNIQUE (tenant_id, line_key),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoice (tenant_id, id)
){strict};
CREATE INDEX invoice_line_period ON invoice_line (tenant_id, period_end);
CREATE INDEX invoice_line_adjusts ON invoice_line (tenant_id, adjusts) WHERE adjusts IS NOT NULL;
--@ tenant invoice_line(tenant_id): select
--@ platform invoice_line: select, insert, delete

CREATE TABLE credit_note (
    tenant_id  {id} NOT NULL,
    id         {id} NOT NULL,
    number     TEXT NOT NULL UNIQUE,
    invoice_id {id} NOT NULL,
    amount     {int} NOT NULL,
    tax        {int} NOT NULL,
    reason     TEXT NOT NULL,
    created_at {instant} NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoice (tenant_id, id)
){strict};
CREATE INDEX credit_note_invoice ON credit_note (tenant_id, invoice_id);
--@ tenant credit_note(tenant_id): select
--@ platform credit_note: select, insert

-- What stands to a customer's credit: above zero what came in, below what invoices used up.
CREATE TABLE customer_balance (
    tenant_id  {id} NOT NULL,
    id         {id} NOT NULL,
    at         {instant} NOT NULL,
    currency   TEXT NOT NULL,
    amount     {int} NOT NULL,
    reason     TEXT NOT NULL,
    invoice_id {id},
    PRIMARY KEY (tenant_id, id)
){strict};
--@ tenant customer_balance(tenant_id): select
--@ platform customer_balance: select, insert

-- The last number of each series of numbers. It moves in the transaction that gives a number out, so none is left out.
CREATE TABLE number_series (
    name TEXT NOT NULL PRIMARY KEY,
    last {int} NOT NULL
){strict};
--@ platform number_series: select, insert, update

-- What the operator adds to an organization's next invoice.
CREATE TABLE one_off_item (
    tenant_id   {id} NOT NULL,
    id          {id} NOT NULL,
    description TEXT NOT NULL,
    currency    TEXT NOT NULL,
    amount      {int} NOT NULL,
    created_at  {instant} NOT NULL,
    created_by  TEXT NOT NULL,
    invoice_id  {id},
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE INDEX one_off_item_open ON one_off_item (tenant_id) WHERE invoice_id IS NULL;
--@ tenant one_off_item(tenant_id): select
--@ platform one_off_item: select, insert, update, delete

-- Who is billed.
CREATE TABLE billing_profile (
    tenant_id  {id} NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    address    TEXT NOT NULL,
    country    TEXT,
    tax_id     TEXT,
    email      TEXT,
    updated_at {instant} NOT NULL
){strict};
--@ tenant billing_profile(tenant_id): select, insert, update
--@ platform billing_profile: select

-- A plan of an organization's own: asked for, offered, accepted. What was accepted is a version of a plan like any other.
CREATE TABLE offer (
    tenant_id  {id} NOT NULL,
    id         {id} NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('requested', 'offered', 'accepted', 'declined', 'withdrawn')),
    plan       TEXT NOT NULL,
    request    TEXT NOT NULL,
    definition TEXT,
    currency   TEXT,
    interval   TEXT,
    expires_at {instant},
    created_at {instant} NOT NULL,
    updated_at {instant} NOT NULL,
    PRIMARY KEY (tenant_id, id)
){strict};
CREATE UNIQUE INDEX offer_id ON offer (id);
--@ tenant offer(tenant_id): select, insert, update
--@ platform offer: select, insert, update

-- Events in the order in which they were settled, so that the set of events behind a line is fixed for ever; and the
-- days of organizations that events were added to when they were over.
ALTER TABLE usage_event ADD COLUMN settled {int} NOT NULL DEFAULT 0;
CREATE TABLE settlement_position (
    name TEXT NOT NULL PRIMARY KEY,
    last {int} NOT NULL
){strict};
INSERT INTO settlement_position (name, last) VALUES ('events', 0);
--@ platform settlement_position: select, update
CREATE TABLE late_usage (
    tenant_id {id} NOT NULL,
    day       {instant} NOT NULL,
    PRIMARY KEY (tenant_id, day)
){clustered};
--@ tenant late_usage(tenant_id): select
--@ platform late_usage: select, insert, delete
