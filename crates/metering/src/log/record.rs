//! What the log records, and how it is written: little endian, by hand, without allocation.

mod hold;
mod parts;
mod report;
mod request;

pub use hold::{HoldChange, HoldStep};
pub use parts::{Charge, Charges, Check, Checks, Fold, GROUP_MAX, Group, Groups};
pub use report::Report;
pub use request::{HoldIntent, HoldOutcome, Intent, Outcome, Settlement};

use super::frame;
use parts::LIST_OVERHEAD;

/// The most bytes a meter's, limit's, route's or property's name may have.
pub const NAME_MAX: usize = 64;
/// The most meters one record may charge.
pub const CHARGES_MAX: usize = 16;
/// The most limits one record may say the standing of.
pub const CHECKS_MAX: usize = 32;
/// The most properties by which one report may be told apart.
pub const GROUPS_MAX: usize = 16;
/// The most bytes by which a hold may be named.
pub const HOLD_KEY_MAX: usize = 128;
/// The most bytes of an event's type.
pub const KIND_MAX: usize = 255;
/// The most bytes of a report's source.
pub const SOURCE_MAX: usize = 1024;
/// The most bytes of a report's subject.
pub const SUBJECT_MAX: usize = 1024;
/// The most bytes of a report's data.
pub const DATA_MAX: usize = 8 << 10;

/// The kind of frame an intent is.
pub(super) const INTENT: u8 = 1;
/// The kind of frame a settlement is.
pub(super) const SETTLEMENT: u8 = 2;
/// The kind of frame a report is.
pub(super) const REPORT: u8 = 3;
/// The kind of frame a change of a hold is.
pub(super) const HOLD: u8 = 4;

const CHARGES_BYTES: usize = LIST_OVERHEAD + CHARGES_MAX * Charge::BYTES;
const CHECKS_BYTES: usize = LIST_OVERHEAD + CHECKS_MAX * Check::BYTES;
const GROUPS_BYTES: usize = LIST_OVERHEAD + GROUPS_MAX * Group::BYTES;
const NAME_BYTES: usize = 1 + NAME_MAX;
const HOLD_BYTES: usize = NAME_BYTES + 1 + 2 + KIND_MAX + 8;

/// The most bytes a settlement can take in a segment: what is kept free for each open intent.
pub(super) const SETTLEMENT_MAX: usize =
    frame::OVERHEAD + 16 + 8 + 2 + 1 + 3 * 8 + 1 + 1 + 2 + HOLD_KEY_MAX + CHARGES_BYTES;
/// The most bytes an intent can take in a segment.
pub(super) const INTENT_MAX: usize = frame::OVERHEAD
    + (2 * 16 + 1 + 4 * 16 + 8 + 1 + 4)
    + (NAME_BYTES + HOLD_BYTES + CHECKS_BYTES + CHARGES_BYTES);
/// The most bytes a report can take in a segment.
pub(super) const REPORT_MAX: usize = frame::OVERHEAD
    + (2 * 16 + 32 + 16 + 1 + 5 * 16 + 2 * 8 + 1)
    + (4 * 2 + KIND_MAX + SOURCE_MAX + SUBJECT_MAX + DATA_MAX)
    + (GROUPS_BYTES + CHARGES_BYTES);

const _: () = assert!(SETTLEMENT_MAX <= INTENT_MAX && INTENT_MAX <= REPORT_MAX && REPORT_MAX <= frame::MAX);

/// A record with more parts or longer ones than it may have ([`CHARGES_MAX`], [`NAME_MAX`] and so on). A blueprint that
/// could lead here should be refused when it is checked, a report when it comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a record of the log has too many parts or too long ones")]
pub struct TooLong;

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Parsed;
    use insula_kernel::{
        AdmissionId, EventId, HoldId, Instant, KeyId, OrgId, ProjectId, ServiceId, TeamId, UserId,
    };
    use uuid::Uuid;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    const UNIQUE: Fold = Fold::Unique([7; 16]);

    fn intent<'a>(
        name: &'a str,
        kind: &'a str,
        checks: &'a [Check],
        charges: &'a [Charge<'a>],
    ) -> Intent<'a> {
        Intent {
            admission: AdmissionId::from_uuid(id(1)),
            org: OrgId::from_uuid(id(2)),
            key: Some(KeyId::from_uuid(id(3))),
            user: Some(UserId::from_uuid(id(4))),
            project: Some(ProjectId::from_uuid(id(5))),
            team: Some(TeamId::from_uuid(id(6))),
            environment: 3,
            blueprint: u32::MAX,
            route: name,
            at: Instant::from_secs(5),
            checks: checks.into(),
            hold: Some(HoldIntent { limit: name, until: Some(kind), ttl_us: Some(i64::MAX) }),
            reserved: charges.into(),
        }
    }

    #[test]
    fn the_largest_records_of_a_request_fit_in_what_is_reserved_for_them() {
        let (name, kind) = ("m".repeat(NAME_MAX), "k".repeat(KIND_MAX));
        let charges = [Charge { meter: &name, quantity: i64::MIN, fold: UNIQUE }; CHARGES_MAX];
        let checks = [Check { limit: u16::MAX, kind: 1, used: -1, bound: None }; CHECKS_MAX];
        let intent = intent(&name, &kind, &checks, &charges);
        let key = "k".repeat(HOLD_KEY_MAX);
        let settlement = Settlement {
            at: Instant::from_secs(6),
            status: 599,
            outcome: Outcome::TimedOut,
            bytes_in: u64::MAX,
            bytes_out: u64::MAX,
            duration_us: u64::MAX,
            hold: HoldOutcome::Kept,
            hold_key: Some(&key),
            used: (&charges).into(),
        };
        let mut buffer = Vec::new();
        intent.encode(&mut buffer).unwrap();
        assert_eq!(buffer.len(), INTENT_MAX);
        let Parsed::Frame { kind: INTENT, payload, .. } = frame::parse(&buffer) else { panic!() };
        assert_eq!(Intent::decode(payload), Some(intent));
        let read = Intent::decode(payload).unwrap();
        assert_eq!(Checks::decode(read.checks.encoded()).unwrap(), checks);

        settlement.encode(intent.admission, &mut buffer).unwrap();
        assert_eq!(buffer.len(), SETTLEMENT_MAX);
        let Parsed::Frame { kind: SETTLEMENT, payload, .. } = frame::parse(&buffer) else { panic!() };
        assert_eq!(Settlement::decode(payload), Some((intent.admission, settlement)));

        let long = "m".repeat(NAME_MAX + 1);
        assert_eq!(Intent { route: &long, ..intent }.encode(&mut buffer), Err(TooLong));
        let many = [Charge::add("m", 1); CHARGES_MAX + 1];
        assert_eq!(Intent { reserved: (&many).into(), ..intent }.encode(&mut buffer), Err(TooLong));
        let many = [checks[0]; CHECKS_MAX + 1];
        assert_eq!(Intent { checks: (&many).into(), ..intent }.encode(&mut buffer), Err(TooLong));
        let long = "k".repeat(HOLD_KEY_MAX + 1);
        let settlement = Settlement { hold_key: Some(&long), ..settlement };
        assert_eq!(settlement.encode(intent.admission, &mut buffer), Err(TooLong));
    }

    #[test]
    fn the_largest_report_fits_in_a_frame() {
        let (name, value) = ("m".repeat(NAME_MAX), "v".repeat(GROUP_MAX));
        let charges = [Charge { meter: &name, quantity: 1, fold: UNIQUE }; CHARGES_MAX];
        let groups = [Group { name: &name, value: &value }; GROUPS_MAX];
        let (kind, source) = ("k".repeat(KIND_MAX), "s".repeat(SOURCE_MAX));
        let (subject, data) = ("u".repeat(SUBJECT_MAX), "d".repeat(DATA_MAX));
        let report = Report {
            id: EventId::from_uuid(id(1)),
            org: OrgId::from_uuid(id(2)),
            key: [3; 32],
            body: [4; 16],
            kind: &kind,
            source: &source,
            subject: Some(&subject),
            at: Instant::from_secs(5),
            received_at: Instant::from_secs(6),
            project: Some(ProjectId::from_uuid(id(7))),
            team: Some(TeamId::from_uuid(id(8))),
            key_id: Some(KeyId::from_uuid(id(9))),
            user: Some(UserId::from_uuid(id(10))),
            service: Some(ServiceId::from_uuid(id(11))),
            environment: 2,
            groups: (&groups).into(),
            data: Some(&data),
            charges: (&charges).into(),
        };
        let mut buffer = Vec::new();
        report.encode(&mut buffer).unwrap();
        assert_eq!(buffer.len(), REPORT_MAX);
        let Parsed::Frame { kind: REPORT, payload, .. } = frame::parse(&buffer) else { panic!() };
        assert_eq!(Report::decode(payload), Some(report));
        let bare = Report { subject: None, project: None, service: None, data: None, ..report };
        bare.encode(&mut buffer).unwrap();
        let Parsed::Frame { payload, .. } = frame::parse(&buffer) else { panic!() };
        assert_eq!(Report::decode(payload), Some(bare));

        let long = "d".repeat(DATA_MAX + 1);
        assert_eq!(Report { data: Some(&long), ..report }.encode(&mut buffer), Err(TooLong));
        let long = "v".repeat(GROUP_MAX + 1);
        let groups = [Group { name: "site", value: &long }];
        assert_eq!(Report { groups: (&groups).into(), ..report }.encode(&mut buffer), Err(TooLong));
    }

    #[test]
    fn a_change_of_a_hold_reads_back() {
        let at = Instant::from_secs(5);
        let steps = [
            HoldStep::Begun {
                limit: "concurrent_jobs",
                key: Some("job-1"),
                project: None,
                team: Some(TeamId::from_uuid(id(3))),
                api_key: None,
                at,
                expires_at: Some(at),
            },
            HoldStep::Renewed { expires_at: at },
            HoldStep::Ended { at },
        ];
        let mut buffer = Vec::new();
        for what in steps {
            let change = HoldChange { org: OrgId::from_uuid(id(1)), hold: HoldId::from_uuid(id(2)), what };
            change.encode(&mut buffer).unwrap();
            let Parsed::Frame { kind: HOLD, payload, .. } = frame::parse(&buffer) else { panic!() };
            assert_eq!(HoldChange::decode(payload), Some(change));
        }
    }
}
