//! Whether the endpoints themselves answer.

use jiff::SignedDuration;

use super::super::{
    cursor::{Cursor, Keys, Noted, Read, Table, quote},
    names::{filled, same_zone},
};
use crate::{
    RecordName, RecordType,
    plan::{Probe, Probed, Question, Records, Scheme, Span, gate::STATUSES},
};

pub(crate) const PROBED: Keys = Keys { known: &["name", "probe", "on_fail", "observe_only"], later: &[] };
pub(crate) const PROBE: Keys = Keys { known: &["path", "port", "scheme", "status", "timeout"], later: &[] };

const LONGEST_PATH: usize = 1024;

/// Each target is probed every half a minute, and the next round of probes waits for the slowest.
const LONGEST_TIMEOUT: SignedDuration = SignedDuration::from_secs(15);

pub(super) fn question(_: &Cursor<'_>, table: &Table<'_>) -> Read<Question> {
    Ok(Question::Probe(Probed { probe: table.required("probe", probe)? }))
}

/// A gate that passed would say of records that nobody can ask that they answer.
pub(in crate::plan::parse) fn can_be_probed(plan: &Table<'_>, records: &[Records]) -> Result<(), Noted> {
    let unasked: Vec<String> = records.iter().flat_map(|one| unasked(one, records)).collect();
    let Some(first) = unasked.first() else { return Ok(()) };
    let others = match unasked.len() - 1 {
        0 => String::new(),
        more => format!(", nor can {more} more of the records"),
    };
    let gates = plan.get("gates").and_then(|at| at.list("a list of gates").ok()).unwrap_or_default();
    let mut all = Ok(());
    for at in gates.iter().filter_map(|gate| gate.peek("probe")) {
        let message = format!("{first} cannot be probed{others}: only A, AAAA and CNAME lead to an endpoint");
        let hint = "take this gate out, or make a plan without it of the records that cannot be probed";
        all = Err(at.refuse(message, hint));
    }
    all
}

/// The record groups of an entry that no probe reaches, as a sentence names them.
fn unasked(entry: &Records, all: &[Records]) -> Vec<String> {
    let same = |other: &&Records| {
        same_zone(&other.zone) == same_zone(&entry.zone)
            && RecordName::new(&other.name) == RecordName::new(&entry.name)
    };
    let beside = || all.iter().filter(same).flat_map(|other| &other.types);
    let reached = |record_type: &&RecordType| match reach(**record_type) {
        Reach::Endpoint => true,
        Reach::Beside => beside().any(|other| matches!(reach(*other), Reach::Endpoint)),
        Reach::Nothing => false,
    };
    let unreached = entry.types.iter().filter(|record_type| !reached(record_type));
    unreached.map(|record_type| format!("{} {record_type}", entry.name)).collect()
}

enum Reach {
    Endpoint,
    /// It says how to speak with the endpoint that the addresses of the same name lead to.
    Beside,
    Nothing,
}

fn reach(record_type: RecordType) -> Reach {
    match record_type {
        RecordType::A | RecordType::Aaaa | RecordType::Cname => Reach::Endpoint,
        RecordType::Https | RecordType::Svcb => Reach::Beside,
        RecordType::Caa
        | RecordType::Mx
        | RecordType::Naptr
        | RecordType::Ptr
        | RecordType::Spf
        | RecordType::Srv
        | RecordType::Sshfp
        | RecordType::Tlsa
        | RecordType::Txt => Reach::Nothing,
    }
}

fn probe(at: &Cursor<'_>) -> Read<Probe> {
    let table = at.table(&PROBE)?;
    let path = table.optional("path", path);
    let port = table.optional("port", |at| at.whole(1, u16::MAX.into()));
    let scheme = table.optional("scheme", scheme);
    let status = table.optional("status", statuses);
    let timeout = table.optional("timeout", timeout);
    let usual = Probe::default();
    Ok(Probe {
        path: path?.unwrap_or(usual.path),
        port: port?.and_then(|port| u16::try_from(port).ok()),
        scheme: scheme?.unwrap_or_default(),
        status: status?.unwrap_or_default(),
        timeout: timeout?.unwrap_or(usual.timeout),
    })
}

fn path(at: &Cursor<'_>) -> Read<String> {
    let path = filled(at, LONGEST_PATH)?;
    if !path.starts_with('/') {
        let hint = "begin it with a slash, as in /healthz; the names and the port are not part of it";
        return Err(at.refuse(format!("{} is not a path", quote(&path)), hint));
    }
    if !path.bytes().all(|b| b.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&b)) {
        let message = format!("{} cannot be asked for as it is", quote(&path));
        return Err(at.refuse(message, "write other characters as % and two hexadecimal digits"));
    }
    Ok(path)
}

fn scheme(at: &Cursor<'_>) -> Read<Scheme> {
    let text = at.text()?;
    match text.as_str() {
        "https" => Ok(Scheme::Https),
        "http" => Ok(Scheme::Http),
        _ => Err(at.refuse(format!("{} cannot be probed", quote(&text)), "choose https or http")),
    }
}

fn statuses(at: &Cursor<'_>) -> Read<Vec<u16>> {
    let items = at.some("a list of statuses such as [200, 204]")?;
    let status = |at: &Cursor<'_>| Ok(at.whole(*STATUSES.start(), *STATUSES.end())? as u16);
    let all: Vec<_> = items.iter().map(status).collect();
    all.into_iter().collect()
}

fn timeout(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    if span.0.is_zero() {
        return Err(at.refuse("nothing answers in no time", "allow some; 5s is usual"));
    }
    if span.0 > LONGEST_TIMEOUT {
        let message = format!("{span} is too long to wait for an answer");
        return Err(at.refuse(message, format!("give at most {}s; 5s is usual", LONGEST_TIMEOUT.as_secs())));
    }
    Ok(span)
}
