//! What memory begins with: what was used, and what is held, as the ledger has it.
//!
//! What must always hold: this comes before any request, and after everything that an earlier run left in the log was
//! settled; so counters begin with no less than what was used.

use crate::platform::Platform;
use insula_blueprint::{LimitKind, Per, QuotaWindow};
use insula_gateway::PartUsage;
use insula_kernel::{OrgId, Result};
use insula_limits::{Entitlement, Hold, Subject};
use insula_metering::usage::{self, ActiveHold, Scope, ScopedUsage, Step, Wanted};
use insula_storage::{PlatformTx, Store, Worker};
use smallvec::SmallVec;
use std::sync::Arc;

/// How many questions are asked of the ledger at once.
const AT_ONCE: usize = 1_000;

/// How many counters are begun at once. Each time copies the places of all that are known by then.
const BEGUN_AT_ONCE: usize = 100_000;

/// A quota that is asked for: of which organization, which meter and which window.
struct Question {
    wanted: Wanted,
    window: QuotaWindow,
}

/// Lets counters and holds begin with what the ledger knows. `organizations` are those that can be used, `own` those of
/// them that have keys with limits of their own, in order.
pub(crate) async fn restore(
    platform: &Platform,
    organizations: &[(OrgId, Arc<Entitlement>)],
    own: &[OrgId],
) -> Result<()> {
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let now = platform.env.now();
    // An organization whose time is ahead has its windows among the later ones, which come after the earlier.
    for used in usage::current(&mut tx, now).await? {
        let window = match used.window {
            Step::Hour => QuotaWindow::Hour,
            Step::Day => QuotaWindow::Day,
            // Limits have no window so short.
            Step::Minute => continue,
        };
        platform.gate.restore(used.org, &used.meter, window, used.start, used.quantity.units());
    }
    restore_months(platform, &mut tx, organizations).await?;
    restore_parts(platform, &mut tx, organizations, own).await?;
    for hold in usage::active_holds(&mut tx, now).await? {
        restore_hold(platform, hold);
    }
    Ok(())
}

/// The quotas of the blueprint that `is_asked` wants, of these organizations.
fn questions<'a>(
    platform: &Platform,
    organizations: impl Iterator<Item = &'a (OrgId, Arc<Entitlement>)>,
    is_asked: impl Fn(QuotaWindow, Per) -> bool,
) -> Vec<Question> {
    let (blueprint, now) = (platform.blueprint.load_full(), platform.env.now());
    let quotas: Vec<(Arc<str>, QuotaWindow)> = (blueprint.limits().iter())
        .filter_map(|limit| match limit.kind {
            LimitKind::Quota { meter, window, per } if is_asked(window, per) => {
                Some((Arc::from(blueprint.meter(meter)?.name.as_str()), window))
            }
            _ => None,
        })
        .collect();
    let mut questions = Vec::new();
    for (org, entitlement) in organizations {
        // Each by its own time.
        let now = entitlement.time(now);
        for (meter, window) in &quotas {
            let period = match window {
                QuotaWindow::Hour => insula_limits::Window::Hour.containing(now),
                QuotaWindow::Day => insula_limits::Window::Day.containing(now),
                QuotaWindow::Month => entitlement.anchor.month_containing(now),
            };
            let wanted = Wanted { org: *org, meter: Arc::clone(meter), period };
            questions.push(Question { wanted, window: *window });
        }
    }
    questions
}

async fn restore_months(
    platform: &Platform,
    tx: &mut PlatformTx,
    organizations: &[(OrgId, Arc<Entitlement>)],
) -> Result<()> {
    let is_asked = |window, per| window == QuotaWindow::Month && per == Per::Organization;
    for asked in questions(platform, organizations.iter(), is_asked).chunks(AT_ONCE) {
        let wanted: Vec<Wanted> = asked.iter().map(|question| question.wanted.clone()).collect();
        for (question, used) in asked.iter().zip(usage::totals(tx, &wanted).await?) {
            let Wanted { org, meter, period } = &question.wanted;
            platform.gate.restore(*org, meter, question.window, period.start, used.units());
        }
    }
    Ok(())
}

/// Quotas that count for projects, teams and credentials.
async fn restore_parts(
    platform: &Platform,
    tx: &mut PlatformTx,
    organizations: &[(OrgId, Arc<Entitlement>)],
    own: &[OrgId],
) -> Result<()> {
    for (scope, of) in
        [(Scope::Project, Per::Project), (Scope::Team, Per::Team), (Scope::Credential, Per::Key)]
    {
        let mut asked = questions(platform, organizations.iter(), |_, per| per == of);
        if scope == Scope::Credential {
            // A key may have a bound of its own on any quota.
            let theirs = organizations.iter().filter(|(org, _)| own.binary_search(org).is_ok());
            asked.extend(questions(platform, theirs, |_, per| per != Per::Key));
        }
        let mut parts = Vec::new();
        for asked in asked.chunks(AT_ONCE) {
            let wanted: Vec<Wanted> = asked.iter().map(|question| question.wanted.clone()).collect();
            let used = usage::scoped(tx, &wanted, scope).await?;
            parts.extend(used.into_iter().filter_map(|used| part(asked, used)));
            if parts.len() >= BEGUN_AT_ONCE {
                platform.gate.restore_parts(&parts);
                parts.clear();
            }
        }
        platform.gate.restore_parts(&parts);
    }
    Ok(())
}

/// The answer to one of these questions, for the counter it is for.
fn part(asked: &[Question], used: ScopedUsage) -> Option<PartUsage> {
    let Question { wanted: Wanted { org, meter, period }, window } = asked.get(used.wanted)?;
    let subject = match used.subject {
        usage::Subject::Project(id) => Subject::Project(id),
        usage::Subject::Team(id) => Subject::Team(id),
        usage::Subject::Key(id) => Subject::Key(id),
        usage::Subject::User(id) => Subject::Member(*org, id),
    };
    Some(PartUsage {
        org: *org,
        subject,
        meter: Arc::clone(meter),
        window: *window,
        start: period.start,
        used: used.quantity.units(),
    })
}

fn restore_hold(platform: &Platform, held: ActiveHold) {
    let ActiveHold { org, id, limit, key, project, team, api_key, until, expires_at, .. } = held;
    let mut subjects: SmallVec<[Subject; 2]> = SmallVec::new();
    subjects.push(Subject::Organization(org));
    subjects.extend(project.map(Subject::Project));
    subjects.extend(team.map(Subject::Team));
    subjects.extend(api_key.map(Subject::Key));
    let hold = Hold {
        limit: limit.into(),
        key: key.map(String::into_boxed_str),
        until: until.map(Arc::from),
        subjects,
        expires_at,
    };
    platform.gate.restore_hold(org, id, hold);
}
