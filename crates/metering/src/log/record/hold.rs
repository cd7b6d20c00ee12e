//! What happens to a hold outside of the request that took it. Complete by itself: no settlement follows.

use super::{
    HOLD, HOLD_KEY_MAX, TooLong,
    parts::{Cursor, flags, put_id, put_instant, put_name, put_text},
};
use crate::log::frame;
use insula_kernel::{HoldId, Instant, KeyId, OrgId, ProjectId, TeamId};

/// A hold that begins, goes on or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HoldChange<'a> {
    /// Whose.
    pub org: OrgId,
    /// Which.
    pub hold: HoldId,
    /// What happens to it.
    pub what: HoldStep<'a>,
}

/// What happens to a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldStep<'a> {
    /// It begins, without a request that took it.
    Begun {
        /// The limit's name in the blueprint.
        limit: &'a str,
        /// By what its holder names it, at most [`HOLD_KEY_MAX`] bytes.
        key: Option<&'a str>,
        /// The project it belongs to, if it belongs to one.
        project: Option<ProjectId>,
        /// The team it counts for, if it counts for one.
        team: Option<TeamId>,
        /// The API key that took it, if one did.
        api_key: Option<KeyId>,
        /// When it began.
        at: Instant,
        /// When it ends by itself, if it does.
        expires_at: Option<Instant>,
    },
    /// It goes on. A renewal never shortens what was promised before.
    Renewed {
        /// When it ends by itself.
        expires_at: Instant,
    },
    /// It ends.
    Ended {
        /// When.
        at: Instant,
    },
}

impl<'a> HoldChange<'a> {
    /// Replaces what is in the buffer by the frame of this change.
    pub(in crate::log) fn encode(&self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        frame::begin(buffer, HOLD);
        buffer.extend_from_slice(self.org.uuid().as_bytes());
        buffer.extend_from_slice(self.hold.uuid().as_bytes());
        match self.what {
            HoldStep::Begun { limit, key, project, team, api_key, at, expires_at } => {
                buffer.push(1);
                buffer.push(flags([
                    key.is_some(),
                    project.is_some(),
                    team.is_some(),
                    api_key.is_some(),
                    expires_at.is_some(),
                ]));
                put_name(limit, buffer)?;
                if let Some(key) = key {
                    put_text(key, HOLD_KEY_MAX, buffer)?;
                }
                put_id(project.map(ProjectId::uuid), buffer);
                put_id(team.map(TeamId::uuid), buffer);
                put_id(api_key.map(KeyId::uuid), buffer);
                put_instant(at, buffer);
                if let Some(expires_at) = expires_at {
                    put_instant(expires_at, buffer);
                }
            }
            HoldStep::Renewed { expires_at } => {
                buffer.push(2);
                put_instant(expires_at, buffer);
            }
            HoldStep::Ended { at } => {
                buffer.push(3);
                put_instant(at, buffer);
            }
        }
        frame::finish(buffer);
        Ok(())
    }

    pub(in crate::log) fn decode(payload: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let org = OrgId::from_uuid(cursor.uuid()?);
        let hold = HoldId::from_uuid(cursor.uuid()?);
        let what = match cursor.u8()? {
            1 => {
                let flags = cursor.u8()?;
                HoldStep::Begun {
                    limit: cursor.name()?,
                    key: cursor.when(flags, 0, Cursor::text)?,
                    project: cursor.when(flags, 1, Cursor::uuid)?.map(ProjectId::from_uuid),
                    team: cursor.when(flags, 2, Cursor::uuid)?.map(TeamId::from_uuid),
                    api_key: cursor.when(flags, 3, Cursor::uuid)?.map(KeyId::from_uuid),
                    at: cursor.instant()?,
                    expires_at: cursor.when(flags, 4, Cursor::instant)?,
                }
            }
            2 => HoldStep::Renewed { expires_at: cursor.instant()? },
            3 => HoldStep::Ended { at: cursor.instant()? },
            _ => return None,
        };
        cursor.end()?;
        Some(Self { org, hold, what })
    }
}
