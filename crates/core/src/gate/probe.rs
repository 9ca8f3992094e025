//! What the endpoints themselves answer, which is the one failure that request metrics never show: a client that is
//! turned away by a certificate never makes a request.
//!
//! A failing target holds a shift that has not moved anything, since there is nothing to take back; after that, so many
//! failures in a row fail the gate. What the prober could not ask, for want of a route or of a resolver, says nothing
//! of the target: it holds, and never fails.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Numbers, STALE_AFTER, Standing, Told, Verdict};
use crate::{
    GroupKey, RecordName, RecordSet, RecordType,
    batch::members,
    plan::{Plan, Probe},
};

/// One failure may be a connection that was lost; two may be a restart.
const FAILURES: usize = 3;

/// Probes of one target that are worth keeping: as many as make a failure, with room for some that say nothing.
pub const PROBES_KEPT: usize = 2 * FAILURES;

/// Stands for `*` where a name of the plan has it.
const WILDCARD: &str = "crossfade-probe";

/// One endpoint of the `to` side, and a name of the plan that it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeTarget {
    /// Sent as the TLS server name and as the host of the request; the certificate must be valid for it.
    pub name: String,
    /// An address, or a name to be resolved when it is probed.
    pub host: String,
    /// The addresses of `host` that clients are given.
    pub family: Family,
    pub ask: Probe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
    Any,
}

/// What a probe came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeOutcome {
    Fine,
    /// Clients would fail likewise, and how.
    Failed(String),
    /// The target could not be asked, for a reason that need not be its own.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRead {
    /// When it began.
    pub at: Timestamp,
    pub outcome: ProbeOutcome,
}

/// Every target that there is to be probed, with its latest probes, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeData {
    pub targets: BTreeMap<ProbeTarget, Vec<ProbeRead>>,
}

/// The numbers of a gate that probes: every target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeNumbers {
    pub targets: Vec<ProbeShown>,
}

/// A target, with what its newest probe came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeShown {
    /// The name that was asked for.
    pub name: String,
    /// An address or a name, with the port.
    pub target: String,
    pub ok: bool,
    pub sentence: String,
    /// When it was probed. Absent before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
}

/// Every member of the `to` side as it stands in the zones, with every name of the plan that it serves: the targets of
/// one group are asked for that group's name. A member with the share zero is one nevertheless: it has no clients yet.
pub fn probe_targets<'a>(
    ask: &Probe,
    plan: &Plan,
    groups: impl IntoIterator<Item = (&'a GroupKey, &'a [RecordSet])>,
) -> Vec<ProbeTarget> {
    let mut targets = Vec::new();
    for (group, sets) in groups {
        let Some(family) = family(group.record_type) else { continue };
        let name = asked_name(&group.name);
        for set in members(sets, group) {
            if !set.set_identifier().is_some_and(|id| plan.to.contains_key(id)) {
                continue;
            }
            let hosts = set.values.iter().chain(set.alias.as_ref().map(|alias| &alias.dns_name));
            targets.extend(hosts.map(|host| ProbeTarget {
                name: name.clone(),
                host: host.trim().trim_end_matches('.').to_ascii_lowercase(),
                family,
                ask: ask.clone(),
            }));
        }
    }
    targets
}

/// `None` for records that name no endpoint.
fn family(record_type: RecordType) -> Option<Family> {
    match record_type {
        RecordType::A => Some(Family::V4),
        RecordType::Aaaa => Some(Family::V6),
        RecordType::Cname => Some(Family::Any),
        RecordType::Caa
        | RecordType::Https
        | RecordType::Mx
        | RecordType::Naptr
        | RecordType::Ptr
        | RecordType::Spf
        | RecordType::Srv
        | RecordType::Sshfp
        | RecordType::Svcb
        | RecordType::Tlsa
        | RecordType::Txt => None,
    }
}

/// A name that the record answers for.
fn asked_name(name: &RecordName) -> String {
    match name.as_str().strip_prefix("*.") {
        Some(parent) => format!("{WILDCARD}.{parent}"),
        None => name.as_str().to_owned(),
    }
}

/// Why nothing is ever sent to this address, whatever a zone says: it is where clouds keep the credentials of the
/// machine that asks, or nobody's.
pub fn off_limits(address: IpAddr) -> Option<&'static str> {
    const LINK_LOCAL: &str = "is link-local, where machines find their credentials, and is never probed";
    const NOBODY: &str = "is no address of an endpoint, and is never probed";
    /// Where AWS has the services of EC2 instances, such as their metadata.
    const EC2: [u16; 2] = [0xfd00, 0x0ec2];
    let of_v4 = |address: Ipv4Addr| {
        if address.is_link_local() {
            Some(LINK_LOCAL)
        } else if address.octets()[0] == 0 || address.is_multicast() || address.is_broadcast() {
            Some(NOBODY)
        } else {
            None
        }
    };
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => of_v4(inner),
            None if address.is_unicast_link_local() => Some(LINK_LOCAL),
            None if address.segments()[..2] == EC2 => Some(LINK_LOCAL),
            None if address.is_unspecified() || address.is_multicast() => Some(NOBODY),
            None => None,
        },
    }
}

/// The IPv4 address that a mapped or translated one leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = address.segments();
    let inner = || Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => inner(),
        _ => None,
    }
}

impl ProbeData {
    /// As if every member of the `to` side answered now, for rehearsals.
    pub fn all_fine(ask: &Probe, plan: &Plan, now: Timestamp) -> ProbeData {
        let fine = || vec![ProbeRead { at: now, outcome: ProbeOutcome::Fine }];
        let names = plan.records.iter().map(|records| asked_name(&RecordName::new(&records.name)));
        let targets = names.flat_map(|name| {
            plan.to.keys().map(move |member| ProbeTarget {
                name: name.clone(),
                host: member.clone(),
                family: Family::Any,
                ask: ask.clone(),
            })
        });
        ProbeData { targets: targets.map(|target| (target, fine())).collect() }
    }
}

pub(super) fn judge(data: Option<&ProbeData>, standing: Standing, now: Timestamp) -> Told {
    let shown = data.into_iter().flat_map(|data| &data.targets).map(|(target, reads)| shown(target, reads));
    let numbers = Numbers::Probe(ProbeNumbers { targets: shown.collect() });
    let (verdict, code, sentence) = match data {
        None => (Verdict::Wait, "unread", "not every target has been probed yet".to_owned()),
        Some(data) => weigh(data, standing, now),
    };
    Told { verdict, code: code.to_owned(), sentence, numbers }
}

/// The gravest of what the targets say, in the words of the first that says it.
fn weigh(data: &ProbeData, standing: Standing, now: Timestamp) -> (Verdict, &'static str, String) {
    if data.targets.is_empty() {
        let sentence = "the `to` side has no A, AAAA or CNAME records to be probed".to_owned();
        return (Verdict::Hold, "no_data", sentence);
    }
    let said: Vec<Says> =
        data.targets.iter().map(|(target, reads)| says(target, reads, standing, now)).collect();
    for (gravity, verdict, code) in [
        (Gravity::Down, Verdict::Fail, "probe_failed"),
        (Gravity::Failing, Verdict::Hold, "probe_failed"),
        (Gravity::Unknown, Verdict::Hold, "no_data"),
    ] {
        let mut grave = said.iter().filter(|says| says.gravity == gravity);
        if let Some(first) = grave.next() {
            return (verdict, code, format!("{}{}", first.sentence, others(grave.count())));
        }
    }
    let count = data.targets.len();
    if standing.moved_at.is_none() {
        let sentence = format!("{} before any traffic is moved", answering(count));
        return (Verdict::Pass, "nothing_moved", sentence);
    }
    // What was probed before then says nothing of the targets under the load that is on them now.
    let newest = |reads: &Vec<ProbeRead>| reads.last().map(|read| read.at);
    let settled = |at: Timestamp| standing.settled_at.is_some_and(|settled| at >= settled);
    if !data.targets.values().all(|reads| newest(reads).is_some_and(settled)) {
        return (Verdict::Wait, "settling", "the traffic has not settled on the new weights".to_owned());
    }
    (Verdict::Pass, "healthy", answering(count))
}

struct Says {
    gravity: Gravity,
    sentence: String,
}

/// What one target comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gravity {
    Fine,
    Unknown,
    Failing,
    /// It failed so often in a row that the traffic is to be taken off it.
    Down,
}

fn says(target: &ProbeTarget, reads: &[ProbeRead], standing: Standing, now: Timestamp) -> Says {
    let told = |gravity, what: &str| Says { gravity, sentence: format!("{}: {what}", title(target)) };
    let row = || failures(reads, standing.moved_at);
    if standing.moved_at.is_some()
        && row().count() >= FAILURES
        && let Some(why) = row().next()
    {
        return told(Gravity::Down, &format!("{why}, {FAILURES} times in a row or more"));
    }
    match reads.last() {
        None => told(Gravity::Unknown, "it has not been probed"),
        Some(ProbeRead { outcome: ProbeOutcome::Failed(why), .. }) => match standing.moved_at {
            None => told(Gravity::Failing, why),
            Some(_) => match row().count() {
                0 => told(Gravity::Failing, why),
                count => told(Gravity::Failing, &format!("{why}, {count} of {FAILURES} times")),
            },
        },
        Some(ProbeRead { outcome: ProbeOutcome::Unknown(why), .. }) => told(Gravity::Unknown, why),
        Some(ProbeRead { outcome: ProbeOutcome::Fine, at }) => {
            let age = now.duration_since(*at);
            if age > STALE_AFTER {
                told(Gravity::Unknown, &format!("it was last probed {} s ago", age.as_secs()))
            } else {
                told(Gravity::Fine, "it answers")
            }
        }
    }
}

/// Why the target failed, newest first, back to when it was last fine. What is not known neither counts nor ends the
/// row; nor does what was seen before evidence counts.
fn failures(reads: &[ProbeRead], since: Option<Timestamp>) -> impl Iterator<Item = &str> {
    let counted = reads.iter().rev().take_while(move |read| {
        read.outcome != ProbeOutcome::Fine && since.is_none_or(|since| read.at >= since)
    });
    counted.filter_map(|read| match &read.outcome {
        ProbeOutcome::Failed(why) => Some(why.as_str()),
        ProbeOutcome::Fine | ProbeOutcome::Unknown(_) => None,
    })
}

fn title(target: &ProbeTarget) -> String {
    format!("{} at {}", target.name, place(target))
}

/// As in `203.0.113.7:443` and `[2001:db8::7]:443`.
fn place(target: &ProbeTarget) -> String {
    let (host, port) = (&target.host, target.ask.port());
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn others(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => "; another target has the like".to_owned(),
        count => format!("; {count} other targets have the like"),
    }
}

fn answering(count: usize) -> String {
    match count {
        1 => "the only target answers as it should".to_owned(),
        count => format!("all {count} targets answer as they should"),
    }
}

fn shown(target: &ProbeTarget, reads: &[ProbeRead]) -> ProbeShown {
    let newest = reads.last();
    let (ok, sentence) = match newest.map(|read| &read.outcome) {
        Some(ProbeOutcome::Fine) => (true, "it answers as it should"),
        Some(ProbeOutcome::Failed(why) | ProbeOutcome::Unknown(why)) => (false, why.as_str()),
        None => (false, "it has not been probed"),
    };
    ProbeShown {
        name: target.name.clone(),
        target: place(target),
        ok,
        sentence: sentence.to_owned(),
        at: newest.map(|read| read.at),
    }
}
