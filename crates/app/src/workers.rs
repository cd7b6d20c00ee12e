//! What goes on in the background: messages from outboxes, due work, expired replies.

use crate::{
    archive, operator::billing::run_due, platform::Platform, sign_up, subscriptions::refresh_entitlement,
};
use insula_billing::subscription;
use insula_kernel::{Epoch, Error, OrgId, Result, Span};
use insula_metering::{reconcile, usage};
use insula_storage::{
    Store, Worker,
    journal::{Actor, PendingMessage},
};
use insula_tenancy::{LiveOrganization, Organization, Status};
use insula_web::Idempotency;
use std::time::Duration;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

/// How often the background looks for work when nothing wakes it.
const PAUSE: Duration = Duration::from_millis(500);
const BATCH: u32 = 100;
/// How often sums are compared with their events, old holds forgotten, and old events packed.
const CHECK_EVERY: Duration = Duration::from_secs(60);
/// How many holds are forgotten at once.
const HOLDS: u32 = 10_000;
/// How long work that failed rests.
const REST: Span = Span::from_mins(1);

/// The workers, until they are told to stop.
pub(crate) struct Workers {
    stop: watch::Sender<bool>,
    running: [JoinHandle<()>; 2],
}

impl Workers {
    pub(crate) fn start(platform: Platform) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let billing = tokio::spawn(bill(platform.clone(), stopped.clone()));
        let housekeeping = tokio::spawn(async move {
            let mut check_at = Instant::now() + CHECK_EVERY;
            let mut packed_until = OrgId::MIN;
            loop {
                if let Err(error) = round(&platform).await {
                    tracing::warn!(%error, "background work will be tried again");
                }
                if check_at <= Instant::now() {
                    check_ledger(&platform).await;
                    if let Err(error) = forget_holds(&platform).await {
                        tracing::warn!(%error, "holds that are over will be forgotten later");
                    }
                    match archive::round(&platform, packed_until).await {
                        Ok(until) => packed_until = until,
                        Err(error) => tracing::warn!(%error, "events will be packed later"),
                    }
                    check_at = Instant::now() + CHECK_EVERY;
                }
                if timeout(PAUSE, stopped.wait_for(|stop| *stop)).await.is_ok() {
                    return;
                }
            }
        });
        Self { stop, running: [housekeeping, billing] }
    }

    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        for running in self.running {
            let _ = running.await;
        }
    }
}

/// Moves subscriptions on as their time comes. Beside the rest, which an invoice run of many must not hold up.
async fn bill(platform: Platform, mut stopped: watch::Receiver<bool>) {
    loop {
        let wait = match run_due(&platform, BATCH).await {
            Ok(done) if done == BATCH as usize => Duration::ZERO,
            Ok(_) => PAUSE,
            Err(error) => {
                tracing::warn!(%error, "invoices will be made later");
                PAUSE
            }
        };
        if timeout(wait, stopped.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

/// Compares what was charged with what was admitted, for the days that changed since the last time, and the next invoices
/// with their events.
async fn check_ledger(platform: &Platform) {
    if let Err(error) = reconcile::round(&platform.storage, &platform.settler, platform.env.now()).await {
        tracing::warn!(%error, "the ledger will be checked later");
    }
    if let Err(error) = platform.books.round(&platform.storage).await {
        tracing::warn!(%error, "invoices will be compared with their events later");
    }
}

/// Forgets what was held and is over for long, a batch at a time.
async fn forget_holds(platform: &Platform) -> Result<()> {
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Sweep).await?;
    usage::forget_holds(&mut tx, platform.env.now(), HOLDS).await?;
    tx.commit().await?;
    Ok(())
}

/// Delivers what waits, then does what is due.
pub(crate) async fn round(platform: &Platform) -> Result<()> {
    deliver(platform, Store::Directory).await?;
    deliver(platform, Store::Ledger).await?;
    carry_out(platform).await?;
    let mut tx = platform.storage.platform_write(Store::Directory, &Worker::Sweep).await?;
    Idempotency::forget(&mut tx, platform.env.now()).await?;
    tx.commit().await?;
    Ok(())
}

async fn deliver(platform: &Platform, store: Store) -> Result<()> {
    loop {
        let mut tx = platform.storage.platform_read(store, &Worker::Relay).await?;
        let pending = tx.pending(BATCH).await?;
        drop(tx);
        for message in &pending {
            act_on(platform, message).await?;
            let mut tx = platform.storage.platform_write(store, &Worker::Relay).await?;
            tx.delivered(message.id, platform.env.now()).await?;
            tx.commit().await?;
        }
        if pending.len() < BATCH as usize {
            return Ok(());
        }
    }
}

/// What other stores do about a message. It may come twice; the inbox lets it act once.
async fn act_on(platform: &Platform, message: &PendingMessage) -> Result<()> {
    if message.kind == "limit.threshold_reached" {
        tracing::info!(org = %message.org, message = message.payload, "a limit is nearly used up");
    }
    match message.kind.as_str() {
        "organization.created" => {}
        "subscription.changed" => return follow_subscription(platform, message.org).await,
        "organization.deactivated" => return end_subscription(platform, message).await,
        "subscription.lapsed" => return set_service(platform, message, Status::Suspended).await,
        "subscription.recovered" => return set_service(platform, message, Status::Active).await,
        _ => return Ok(()),
    }
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Relay).await?;
    if tx.receive(message, platform.env.now()).await? {
        subscription::activate(&mut tx, &platform.env, &platform.blueprint.load_full(), message.org).await?;
    }
    tx.commit().await?;
    if platform.organizations.get(message.org).is_none() {
        // Its commit was made, but whoever made it never heard so.
        let mut tx = platform.storage.platform_read(Store::Directory, &Worker::Relay).await?;
        if let Some(organization) = insula_tenancy::find(&mut tx, message.org).await? {
            drop(tx);
            absorb(platform, &organization).await?;
        }
    }
    Ok(())
}

/// Lets requests and the directory know what an organization is subscribed to.
async fn follow_subscription(platform: &Platform, org: OrgId) -> Result<()> {
    refresh_entitlement(platform, org).await?;
    let Some(entitlement) = platform.gate.entitlement(org) else { return Ok(()) };
    let mut tx = platform.storage.platform_write(Store::Directory, &Worker::Billing).await?;
    insula_tenancy::set_plan(&mut tx, &platform.env, org, &entitlement.plan).await?;
    tx.commit().await?;
    Ok(())
}

/// Ends the subscription of an organization that was closed, unless whoever closed it came as far as that.
async fn end_subscription(platform: &Platform, message: &PendingMessage) -> Result<()> {
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let actor = Actor { name: "worker:billing".to_owned(), address: None, request: None };
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    if tx.receive(message, platform.env.now()).await? {
        let (env, org) = (&platform.env, message.org);
        insula_billing::operator::end_with_organization(&mut tx, env, &blueprint, &actor, org).await?;
    }
    tx.commit().await?;
    refresh_entitlement(platform, message.org).await
}

/// Stops an organization that doesn't pay, or lets it go on once it has paid. One that stands so already stays.
async fn set_service(platform: &Platform, message: &PendingMessage, status: Status) -> Result<()> {
    let mut tx = platform.storage.platform_write(Store::Directory, &Worker::Billing).await?;
    if tx.receive(message, platform.env.now()).await?
        && insula_tenancy::set_service(&mut tx, &platform.env, message.org, status).await?
    {
        tx.commit().await?;
        platform.organizations.change(message.org, |live| live.status = status);
        return Ok(());
    }
    tx.commit().await?;
    Ok(())
}

/// Lets requests know of an organization that was committed.
async fn absorb(platform: &Platform, organization: &Organization) -> Result<()> {
    let mut tx = platform.storage.platform_read(Store::Directory, &Worker::Snapshot).await?;
    let members = insula_identity::member::load(&mut tx).await?;
    for ((_, user), role) in members.into_iter().filter(|((org, _), _)| *org == organization.id) {
        platform.identity.put_member(organization.id, user, &role);
    }
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let entitlements = subscription::entitlements(&mut tx, &platform.blueprint.load_full()).await?;
    drop(tx);
    for (org, entitlement) in entitlements.into_iter().filter(|(org, _)| *org == organization.id) {
        platform.gate.put_entitlement(org, |_| entitlement);
    }
    platform.organizations.put(LiveOrganization {
        id: organization.id,
        slug: organization.slug.as_str().into(),
        status: organization.status,
        epoch: Epoch(0),
    });
    Ok(())
}

async fn carry_out(platform: &Platform) -> Result<()> {
    let mut tx = platform.storage.platform_read(Store::Directory, &Worker::Sweep).await?;
    let due = tx.due(platform.env.now(), BATCH).await?;
    drop(tx);
    for work in due {
        let outcome = match work.kind.as_str() {
            sign_up::SWEEP => sweep(platform, work.org).await,
            unknown => Err(Error::internal(format!("nobody does the work `{unknown}`"))),
        };
        let mut tx = platform.storage.platform_write(Store::Directory, &Worker::Sweep).await?;
        match outcome {
            Ok(()) => tx.done(work.id).await?,
            Err(error) => {
                tracing::warn!(%error, work = %work.id, kind = work.kind, "due work failed");
                tx.postpone(work.id, platform.env.now() + REST, &error.to_string()).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Removes what a sign-up prepared, unless its organization became visible after all.
async fn sweep(platform: &Platform, org: OrgId) -> Result<()> {
    let mut tx = platform.storage.platform_read(Store::Directory, &Worker::Sweep).await?;
    if insula_tenancy::find(&mut tx, org).await?.is_some() {
        return Ok(());
    }
    drop(tx);
    tracing::info!(%org, "removing what an unfinished sign-up left");
    sign_up::remove(platform, org).await
}
