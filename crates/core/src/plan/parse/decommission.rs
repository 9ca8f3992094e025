//! When a side may be switched off.

use jiff::SignedDuration;

use super::cursor::{Cursor, Keys, Read};
use crate::plan::{Decommission, Span};

pub(crate) const DECOMMISSION: Keys = Keys { known: &["below", "for"], later: &[] };

const BELOW: (f64, f64) = (0.01, 1_000_000.0);

const SHORTEST: SignedDuration = SignedDuration::from_mins(5);

/// A shift is watched for a week after its end.
const LONGEST: SignedDuration = SignedDuration::from_hours(72);

pub(super) fn decommission(at: &Cursor<'_>) -> Read<Decommission> {
    let table = at.table(&DECOMMISSION)?;
    let below = table.optional("below", below);
    let lasting = table.optional("for", lasting);
    let usual = Decommission::default();
    Ok(Decommission { below: below?.unwrap_or(usual.below), lasting: lasting?.unwrap_or(usual.lasting) })
}

fn below(at: &Cursor<'_>) -> Read<f64> {
    let wanted = format!("requests a minute from {} to {}, such as 1", BELOW.0, BELOW.1);
    let number = at.number(&wanted)?;
    if (BELOW.0..=BELOW.1).contains(&number) { Ok(number) } else { Err(at.wrong(&wanted)) }
}

fn lasting(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    if (SHORTEST..=LONGEST).contains(&span.0) {
        return Ok(span);
    }
    let message = format!("{span} is not between {} and {}", Span(SHORTEST), Span(LONGEST));
    Err(at.refuse(message, "1h is usual"))
}
