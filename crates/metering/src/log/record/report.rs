//! An event that an upstream reported. Complete by itself: no settlement follows.

use super::{
    Charges, DATA_MAX, Groups, KIND_MAX, REPORT, SOURCE_MAX, SUBJECT_MAX, TooLong,
    parts::{Cursor, flags, put_id, put_instant, put_text},
};
use crate::log::frame;
use insula_kernel::{EventId, Instant, KeyId, OrgId, ProjectId, ServiceId, TeamId, UserId};

/// A usage event that an upstream reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report<'a> {
    /// The id it has in the ledger.
    pub id: EventId,
    /// Who is charged.
    pub org: OrgId,
    /// By what it is known again, for life: of 16 bytes for organization and source, then 16 for the id the source gave.
    pub key: [u8; 32],
    /// A digest of all that was reported, which tells a repetition from a contradiction.
    pub body: [u8; 16],
    /// The event's type.
    pub kind: &'a str,
    /// Where it came from, as it says itself.
    pub source: &'a str,
    /// What it is about, as it says itself.
    pub subject: Option<&'a str>,
    /// When it happened; decides the window it counts in.
    pub at: Instant,
    /// When it was reported.
    pub received_at: Instant,
    /// The project it belongs to, if it belongs to one.
    pub project: Option<ProjectId>,
    /// The team it counts for, if it counts for one.
    pub team: Option<TeamId>,
    /// The API key on whose behalf it happened, if it is known.
    pub key_id: Option<KeyId>,
    /// The person on whose behalf it happened, if it is known.
    pub user: Option<UserId>,
    /// The credential it was reported with.
    pub service: Option<ServiceId>,
    /// The project's environment: 0 none, 1 development, 2 staging, 3 production.
    pub environment: u8,
    /// By what its usage can be told apart.
    pub groups: Groups<'a>,
    /// Its data, as JSON, if it has any; at most [`DATA_MAX`] bytes.
    pub data: Option<&'a str>,
    /// What is charged.
    pub charges: Charges<'a>,
}

impl<'a> Report<'a> {
    /// Replaces what is in the buffer by the frame of this report.
    pub(in crate::log) fn encode(&self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        frame::begin(buffer, REPORT);
        buffer.extend_from_slice(self.id.uuid().as_bytes());
        buffer.extend_from_slice(self.org.uuid().as_bytes());
        buffer.extend_from_slice(&self.key);
        buffer.extend_from_slice(&self.body);
        let Self { subject, project, team, key_id, user, service, data, .. } = self;
        buffer.push(flags([
            subject.is_some(),
            project.is_some(),
            team.is_some(),
            key_id.is_some(),
            user.is_some(),
            service.is_some(),
            data.is_some(),
        ]));
        put_id(project.map(ProjectId::uuid), buffer);
        put_id(team.map(TeamId::uuid), buffer);
        put_id(key_id.map(KeyId::uuid), buffer);
        put_id(user.map(UserId::uuid), buffer);
        put_id(service.map(ServiceId::uuid), buffer);
        put_instant(self.at, buffer);
        put_instant(self.received_at, buffer);
        buffer.push(self.environment);
        put_text(self.kind, KIND_MAX, buffer)?;
        put_text(self.source, SOURCE_MAX, buffer)?;
        if let Some(subject) = subject {
            put_text(subject, SUBJECT_MAX, buffer)?;
        }
        if let Some(data) = data {
            put_text(data, DATA_MAX, buffer)?;
        }
        self.groups.put(buffer)?;
        self.charges.put(buffer)?;
        frame::finish(buffer);
        Ok(())
    }

    pub(in crate::log) fn decode(payload: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let id = EventId::from_uuid(cursor.uuid()?);
        let org = OrgId::from_uuid(cursor.uuid()?);
        let (key, body) = (cursor.take()?, cursor.take()?);
        let flags = cursor.u8()?;
        let project = cursor.when(flags, 1, Cursor::uuid)?.map(ProjectId::from_uuid);
        let team = cursor.when(flags, 2, Cursor::uuid)?.map(TeamId::from_uuid);
        let key_id = cursor.when(flags, 3, Cursor::uuid)?.map(KeyId::from_uuid);
        let user = cursor.when(flags, 4, Cursor::uuid)?.map(UserId::from_uuid);
        let service = cursor.when(flags, 5, Cursor::uuid)?.map(ServiceId::from_uuid);
        let (at, received_at) = (cursor.instant()?, cursor.instant()?);
        let environment = cursor.u8()?;
        let (kind, source) = (cursor.text()?, cursor.text()?);
        let subject = cursor.when(flags, 0, Cursor::text)?;
        let data = cursor.when(flags, 6, Cursor::text)?;
        let groups = Groups::take(&mut cursor)?;
        let charges = Charges::take(&mut cursor)?;
        cursor.end()?;
        Some(Self {
            id,
            org,
            key,
            body,
            kind,
            source,
            subject,
            at,
            received_at,
            project,
            team,
            key_id,
            user,
            service,
            environment,
            groups,
            data,
            charges,
        })
    }
}
