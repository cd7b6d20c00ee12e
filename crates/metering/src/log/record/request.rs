//! The two records of a request: what it may use, and what it did.

use super::{
    Charges, Checks, HOLD_KEY_MAX, INTENT, SETTLEMENT, TooLong,
    parts::{Cursor, flags, put_id, put_instant, put_name, put_text},
};
use crate::log::frame;
use insula_kernel::{AdmissionId, Instant, KeyId, OrgId, ProjectId, TeamId, UserId};

/// A request that is about to be forwarded, and what it may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Intent<'a> {
    /// The admission; also the id of the usage event it becomes.
    pub admission: AdmissionId,
    /// Who is charged.
    pub org: OrgId,
    /// The API key that was used, if one was.
    pub key: Option<KeyId>,
    /// The person who acted, if one did.
    pub user: Option<UserId>,
    /// The project it belongs to, if it belongs to one.
    pub project: Option<ProjectId>,
    /// The team it counts for, if it counts for one.
    pub team: Option<TeamId>,
    /// The project's environment: 0 none, 1 development, 2 staging, 3 production.
    pub environment: u8,
    /// The number of the version of the blueprint that decided.
    pub blueprint: u32,
    /// The route's name in the blueprint.
    pub route: &'a str,
    /// When it was admitted; decides the window it counts in.
    pub at: Instant,
    /// Where the limits stood that were asked.
    pub checks: Checks<'a>,
    /// What it takes hold of, if it does.
    pub hold: Option<HoldIntent<'a>>,
    /// What is charged if no settlement follows.
    pub reserved: Charges<'a>,
}

/// A hold that a request takes. Its id has the digits of the admission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldIntent<'a> {
    /// The limit's name in the blueprint.
    pub limit: &'a str,
    /// The type of event that ends it, if it may outlive the request and one does.
    pub until: Option<&'a str>,
    /// How long it lasts at most, in microseconds from the intent's `at` on; none for one that ends with the request, and
    /// for one that lasts until it is ended. Holds last by the real time: where the organization's is ahead, it is less by
    /// as much, and may be less than nothing.
    pub ttl_us: Option<i64>,
}

/// What became of the hold that a request took.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HoldOutcome {
    /// It took none.
    None,
    /// It ended with the request.
    Released,
    /// It outlives the request.
    Kept,
}

/// How an admitted request ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The upstream answered and the whole answer went out.
    Completed,
    /// Nothing reached the upstream: nothing is charged.
    Released,
    /// The client went away before the end.
    ClientGone,
    /// The upstream broke off, or its answer couldn't be understood.
    UpstreamFailed,
    /// The upstream took too long.
    TimedOut,
}

/// What an admitted request really used. Whose it is says the intent it is paired with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settlement<'a> {
    /// When it ended.
    pub at: Instant,
    /// The HTTP status that went to the client; 0 if none did.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the reply's body.
    pub bytes_out: u64,
    /// From admission to the end, in microseconds.
    pub duration_us: u64,
    /// What became of its hold.
    pub hold: HoldOutcome,
    /// By what the upstream names what is held, at most [`HOLD_KEY_MAX`] bytes.
    pub hold_key: Option<&'a str>,
    /// What is charged.
    pub used: Charges<'a>,
}

macro_rules! codes {
    ($name:ident: $($variant:ident = $code:literal),+) => {
        impl $name {
            const fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

codes!(Outcome: Completed = 1, Released = 2, ClientGone = 3, UpstreamFailed = 4, TimedOut = 5);
codes!(HoldOutcome: None = 0, Released = 1, Kept = 2);

impl<'a> Intent<'a> {
    /// A request of nobody in particular, which asks for nothing: for its parts to be filled in.
    #[must_use]
    pub const fn new(admission: AdmissionId, org: OrgId, route: &'a str, at: Instant) -> Self {
        Self {
            admission,
            org,
            key: None,
            user: None,
            project: None,
            team: None,
            environment: 0,
            blueprint: 0,
            route,
            at,
            checks: Checks::NONE,
            hold: None,
            reserved: Charges::NONE,
        }
    }

    /// Replaces what is in the buffer by the frame of this intent.
    pub(in crate::log) fn encode(&self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        frame::begin(buffer, INTENT);
        buffer.extend_from_slice(self.admission.uuid().as_bytes());
        buffer.extend_from_slice(self.org.uuid().as_bytes());
        let Self { key, user, project, team, hold, .. } = self;
        let present = [key.is_some(), user.is_some(), project.is_some(), team.is_some(), hold.is_some()];
        buffer.push(flags(present));
        put_id(key.map(KeyId::uuid), buffer);
        put_id(user.map(UserId::uuid), buffer);
        put_id(project.map(ProjectId::uuid), buffer);
        put_id(team.map(TeamId::uuid), buffer);
        put_instant(self.at, buffer);
        buffer.push(self.environment);
        buffer.extend_from_slice(&self.blueprint.to_le_bytes());
        put_name(self.route, buffer)?;
        if let Some(hold) = hold {
            hold.put(buffer)?;
        }
        self.checks.put(buffer)?;
        self.reserved.put(buffer)?;
        frame::finish(buffer);
        Ok(())
    }

    pub(in crate::log) fn decode(payload: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let admission = AdmissionId::from_uuid(cursor.uuid()?);
        let org = OrgId::from_uuid(cursor.uuid()?);
        let flags = cursor.u8()?;
        let key = cursor.when(flags, 0, Cursor::uuid)?.map(KeyId::from_uuid);
        let user = cursor.when(flags, 1, Cursor::uuid)?.map(UserId::from_uuid);
        let project = cursor.when(flags, 2, Cursor::uuid)?.map(ProjectId::from_uuid);
        let team = cursor.when(flags, 3, Cursor::uuid)?.map(TeamId::from_uuid);
        let at = cursor.instant()?;
        let environment = cursor.u8()?;
        let blueprint = u32::from_le_bytes(cursor.take()?);
        let route = cursor.name()?;
        let hold = cursor.when(flags, 4, HoldIntent::take)?;
        let checks = Checks::take(&mut cursor)?;
        let reserved = Charges::take(&mut cursor)?;
        cursor.end()?;
        Some(Self {
            admission,
            org,
            key,
            user,
            project,
            team,
            environment,
            blueprint,
            route,
            at,
            checks,
            hold,
            reserved,
        })
    }
}

impl<'a> HoldIntent<'a> {
    fn put(&self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        put_name(self.limit, buffer)?;
        buffer.push(flags([self.until.is_some(), self.ttl_us.is_some()]));
        if let Some(until) = self.until {
            put_text(until, super::KIND_MAX, buffer)?;
        }
        if let Some(ttl) = self.ttl_us {
            buffer.extend_from_slice(&ttl.to_le_bytes());
        }
        Ok(())
    }

    fn take(cursor: &mut Cursor<'a>) -> Option<Self> {
        let limit = cursor.name()?;
        let flags = cursor.u8()?;
        let until = cursor.when(flags, 0, Cursor::text)?;
        let ttl_us = cursor.when(flags, 1, Cursor::i64)?;
        Some(Self { limit, until, ttl_us })
    }
}

impl<'a> Settlement<'a> {
    /// An end without anything transferred or charged: for its parts to be filled in.
    #[must_use]
    pub const fn new(at: Instant, status: u16, outcome: Outcome) -> Self {
        Self {
            at,
            status,
            outcome,
            bytes_in: 0,
            bytes_out: 0,
            duration_us: 0,
            hold: HoldOutcome::None,
            hold_key: None,
            used: Charges::NONE,
        }
    }

    /// Replaces what is in the buffer by the frame of this settlement.
    pub(in crate::log) fn encode(&self, admission: AdmissionId, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        frame::begin(buffer, SETTLEMENT);
        buffer.extend_from_slice(admission.uuid().as_bytes());
        put_instant(self.at, buffer);
        buffer.extend_from_slice(&self.status.to_le_bytes());
        buffer.push(self.outcome.code());
        buffer.extend_from_slice(&self.bytes_in.to_le_bytes());
        buffer.extend_from_slice(&self.bytes_out.to_le_bytes());
        buffer.extend_from_slice(&self.duration_us.to_le_bytes());
        buffer.push(self.hold.code());
        buffer.push(flags([self.hold_key.is_some()]));
        if let Some(key) = self.hold_key {
            put_text(key, HOLD_KEY_MAX, buffer)?;
        }
        self.used.put(buffer)?;
        frame::finish(buffer);
        Ok(())
    }

    pub(in crate::log) fn decode(payload: &'a [u8]) -> Option<(AdmissionId, Self)> {
        let mut cursor = Cursor(payload);
        let admission = AdmissionId::from_uuid(cursor.uuid()?);
        let at = cursor.instant()?;
        let status = u16::from_le_bytes(cursor.take()?);
        let outcome = Outcome::from_code(cursor.u8()?)?;
        let (bytes_in, bytes_out, duration_us) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let hold = HoldOutcome::from_code(cursor.u8()?)?;
        let flags = cursor.u8()?;
        let hold_key = cursor.when(flags, 0, Cursor::text)?;
        let used = Charges::take(&mut cursor)?;
        cursor.end()?;
        let settlement = Self { at, status, outcome, bytes_in, bytes_out, duration_us, hold, hold_key, used };
        Some((admission, settlement))
    }
}
