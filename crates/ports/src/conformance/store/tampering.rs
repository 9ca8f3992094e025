//! A history that was changed by somebody who first did away with its defences, and who finds out.
//!
//! Every event's hash covers the event's text and the hash before it. So nothing but the end of a history can be changed
//! without a hash that does not fit. What a chain cannot show by itself:
//!
//! - that its last events are gone, when the shift's own row was put back with them,
//! - that all of it was computed anew.
//!
//! For both it takes an anchor: a newest hash that was written down where whoever owns the database does not reach.

use crossfade_core::{event::Hash, shift::Command};

use super::sample::{commanded, first_step, labelled};
use crate::store::{Head, Store, row::EventRow};

pub struct Attack {
    pub what: &'static str,
    /// In the words that SQLite and PostgreSQL share.
    pub sql: &'static str,
    /// The first event of `www` that does not fit.
    pub found_at: Option<i64>,
}

/// On a store with [`histories`].
pub const ATTACKS: &[Attack] = &[
    attack("another text", "UPDATE events SET data = replace(data, '30m', '31m') WHERE seq = 1", 1),
    attack("a text that means the same", "UPDATE events SET data = data || ' ' WHERE seq = 3", 3),
    attack("another reason", "UPDATE events SET reason = 'not at all' WHERE seq = 2", 2),
    attack("a reason where there was none", "UPDATE events SET reason = '' WHERE seq = 1", 1),
    attack("no reason where there was one", "UPDATE events SET reason = NULL WHERE seq = 2", 2),
    attack("another actor", "UPDATE events SET actor = 'eve' WHERE seq = 2", 2),
    attack("another time", "UPDATE events SET at = replace(at, '2026', '2025') WHERE seq = 4", 4),
    attack("another kind", "UPDATE events SET kind = 'resumed' WHERE seq = 2", 2),
    attack("another hash", "UPDATE events SET hash = upper(hash) WHERE seq = 6", 6),
    attack("no beginning", "DELETE FROM events WHERE seq = 1", 1),
    attack("one is gone", "DELETE FROM events WHERE seq = 3", 3),
    attack(
        "one is gone, and the rest moved up",
        "DELETE FROM events WHERE seq = 3;
        UPDATE events SET seq = seq + 100 WHERE seq > 3;
        UPDATE events SET seq = seq - 101 WHERE seq > 3",
        3,
    ),
    attack(
        "two have changed places",
        "UPDATE events SET seq = 100 WHERE seq = 2;
        UPDATE events SET seq = 2 WHERE seq = 3;
        UPDATE events SET seq = 3 WHERE seq = 100",
        2,
    ),
    attack(
        "one of another shift",
        "DELETE FROM events WHERE shift = 'www' AND seq = 2;
        UPDATE events SET shift = 'www' WHERE shift = 'api' AND seq = 2",
        2,
    ),
    attack(
        "one more",
        "INSERT INTO events (shift, seq, at, kind, actor, reason, data, hash)
        SELECT shift, 8, at, kind, actor, reason, data, hash FROM events WHERE shift = 'www' AND seq = 7",
        8,
    ),
    Attack { what: "no end", sql: "DELETE FROM events WHERE seq > 5", found_at: None },
];

const fn attack(what: &'static str, sql: &'static str, found_at: i64) -> Attack {
    Attack { what, sql, found_at: Some(found_at) }
}

/// Two shifts, `api` and `www`, with seven events each.
pub async fn histories(store: &dyn Store) {
    for name in ["api", "www"] {
        let (born, events) = labelled(name, &[]);
        store.create(&born, &events, None).await.unwrap();
        let (started, events) = commanded(&born, Command::Start, 1);
        store.commit(&Head::of(&born), &started, &events, None, None).await.unwrap();
        let mut before = Head::of(&started);
        for (shift, events) in first_step(&started) {
            store.commit(&before, &shift, &events, None, None).await.unwrap();
            before = Head::of(&shift);
        }
    }
}

/// The place of the first row that does not follow from those before it; the rows are in the order of their numbers.
pub fn broken_at(shift: &str, rows: &[EventRow]) -> Option<i64> {
    let mut before = Hash::default();
    for (seq, row) in (1..).zip(rows) {
        if row.seq != seq || !row.is_sealed(shift, &before) {
            return Some(seq);
        }
        before = Hash(row.hash.clone());
    }
    None
}
