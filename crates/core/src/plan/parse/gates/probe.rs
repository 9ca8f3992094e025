//! Whether the endpoints themselves answer.

use jiff::SignedDuration;

use super::super::{
    cursor::{Cursor, Keys, Read, Table, quote},
    names::filled,
};
use crate::plan::{Probe, Probed, Question, Scheme, Span, gate::STATUSES};

pub(crate) const PROBED: Keys = Keys { known: &["name", "probe", "on_fail", "observe_only"], later: &[] };
pub(crate) const PROBE: Keys = Keys { known: &["path", "port", "scheme", "status", "timeout"], later: &[] };

const LONGEST_PATH: usize = 1024;

/// Each target is probed every half a minute, and the next round of probes waits for the slowest.
const LONGEST_TIMEOUT: SignedDuration = SignedDuration::from_secs(15);

pub(super) fn question(_: &Cursor<'_>, table: &Table<'_>) -> Read<Question> {
    Ok(Question::Probe(Probed { probe: table.required("probe", probe)? }))
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
