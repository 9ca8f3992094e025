//! The chain of hashes of a history, checked over its rows exactly as they are kept.
//!
//! No parser stands between a row and its hash: two texts that mean the same are two texts, and a row in an old format
//! is as it was written. So whoever checks a history checks rows, not [`Event`]s.

use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, Hash, seal},
    shift::Shift,
};

/// A row of a history, in the columns in which databases keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Signed as in databases: somebody else may have written what never comes from here.
    pub seq: i64,
    pub at: String,
    pub kind: String,
    pub actor: String,
    pub reason: Option<String>,
    /// Exactly as hashed.
    pub data: String,
    pub hash: String,
}

/// Where a history ends: its newest event. Two histories that part from each other have the same numbers, and never
/// the same hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The event's sequence number; 0 before the first.
    pub version: u64,
    pub hash: Hash,
}

/// Where a history is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} {why}")]
pub struct Broken {
    /// The place of the first event that does not fit.
    pub seq: u64,
    pub why: String,
}

impl Row {
    pub fn of(event: &Event) -> Result<Row, serde_json::Error> {
        let (kind, data) = event.what.to_parts()?;
        Ok(Row {
            // No history comes near the end of the numbers.
            seq: i64::try_from(event.seq).unwrap_or(i64::MAX),
            at: event.at.to_string(),
            kind,
            actor: event.actor.0.clone(),
            reason: event.reason.clone(),
            data,
            hash: event.hash.0.clone(),
        })
    }

    /// The hash that a row with this content has in this place.
    pub fn seal(&self, shift: &str, seq: u64, before: &Hash) -> Hash {
        seal(before, shift, seq, &self.at, &self.kind, &self.actor, self.reason.as_deref(), &self.data)
    }
}

impl Head {
    /// The newest event that made this state.
    pub fn of(shift: &Shift) -> Head {
        Head { version: shift.version, hash: shift.head.clone() }
    }
}

/// Where these rows of this shift lead to, if each is the one that was written in its place after `head`.
pub fn follow<'a>(
    shift: &str,
    mut head: Head,
    rows: impl IntoIterator<Item = &'a Row>,
) -> Result<Head, Broken> {
    for row in rows {
        let seq = head.version.saturating_add(1);
        let broken = |why: String| Err(Broken { seq, why });
        if u64::try_from(row.seq) != Ok(seq) {
            return broken(format!("is missing; {} is in its place", row.seq));
        }
        let hash = row.seal(shift, seq, &head.hash);
        if hash.0 != row.hash {
            return broken("is not as it was written, or the one before it is not".to_owned());
        }
        head = Head { version: seq, hash };
    }
    Ok(head)
}

/// Whether these are all rows of this shift, each as it was written, up to where the shift's own row says that its
/// history ends. `known` is `None` where the shift has no row any more.
pub fn check(shift: &str, rows: &[Row], known: Option<&Head>) -> Result<Head, Broken> {
    let head = follow(shift, Head::default(), rows)?;
    let broken = |seq: u64, why: String| Err(Broken { seq, why });
    let Some(known) = known else {
        return broken(head.version, "is there, and the shift itself is gone".to_owned());
    };
    if head.version < known.version {
        let why = format!("is missing; the shift is at version {}", known.version);
        return broken(head.version.saturating_add(1), why);
    }
    if head.version > known.version {
        let why = format!("is one too many; the shift is at version {}", known.version);
        return broken(known.version.saturating_add(1), why);
    }
    if head.hash != known.hash {
        return broken(head.version, "is not the one that the shift's row names by its hash".to_owned());
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use crate::event::{Actor, Draft, Happened};

    use super::*;

    fn history() -> Vec<Row> {
        let mut head = Hash::default();
        let happened = [Happened::Started {}, Happened::Paused { freeze: true }, Happened::Resumed {}];
        let row = |(seq, what)| {
            let at = "2026-12-01T09:00:00.5Z".parse().unwrap();
            let reason = Some("because".to_owned());
            let event =
                Draft { at, what, actor: Actor("ann".to_owned()), reason }.sealed("www", seq, &head).unwrap();
            head = event.hash.clone();
            Row::of(&event).unwrap()
        };
        (1..).zip(happened).map(row).collect()
    }

    /// As whoever can compute a hash would leave it.
    fn rechained(mut rows: Vec<Row>) -> Vec<Row> {
        let mut before = Hash::default();
        for (seq, row) in (1..).zip(&mut rows) {
            before = row.seal("www", seq, &before);
            row.hash.clone_from(&before.0);
        }
        rows
    }

    fn end(rows: &[Row]) -> Head {
        let last = rows.last().unwrap();
        Head { version: last.seq.try_into().unwrap(), hash: Hash(last.hash.clone()) }
    }

    #[test]
    fn a_history_as_it_was_written_is_whole() {
        let rows = history();
        assert_eq!(check("www", &rows, Some(&end(&rows))), Ok(end(&rows)));
        assert_eq!(check("new", &[], Some(&Head::default())), Ok(Head::default()));
        assert_eq!(follow("www", end(&rows[..1]), &rows[1..]), Ok(end(&rows)));
    }

    #[test]
    fn every_change_shows() {
        type Edit = fn(&mut Vec<Row>);
        let edits: [(Edit, &str); 12] = [
            (|rows| rows[1].actor = "bob".to_owned(), "event 2 is not as it was written"),
            (|rows| rows[1].data = r#"{"freeze":false}"#.to_owned(), "event 2 is not"),
            (|rows| rows[1].data = r#"{"freeze": true}"#.to_owned(), "event 2 is not"),
            (|rows| rows[1].data = r#"{"freeze":true,"why":1}"#.to_owned(), "event 2 is not"),
            (|rows| rows[0].reason = None, "event 1 is not"),
            (|rows| rows[2].at = "2026-12-01T09:00:01Z".to_owned(), "event 3 is not"),
            (|rows| rows[2].at = "2026-12-01T09:00:00.500Z".to_owned(), "event 3 is not"),
            (|rows| drop(rows.remove(0)), "event 1 is missing; 2 is in its place"),
            (|rows| rows.swap(0, 1), "event 1 is missing; 2 is in its place"),
            (|rows| rows.insert(0, Row { seq: -1, ..rows[0].clone() }), "event 1 is missing; -1 is"),
            (|rows| rows.truncate(2), "event 3 is missing; the shift is at version 3"),
            (Vec::clear, "event 1 is missing; the shift is at version 3"),
        ];
        let known = end(&history());
        for (edit, wanted) in edits {
            let mut rows = history();
            edit(&mut rows);
            let why = check("www", &rows, Some(&known)).unwrap_err().to_string();
            assert!(why.starts_with(wanted), "{why}");
        }
        let why = check("other", &history(), Some(&known)).unwrap_err();
        assert_eq!(why.seq, 1, "the events of another shift");
    }

    /// What the hashes of the rows alone do not tell.
    #[test]
    fn a_chain_ends_where_the_shift_knows_it_to_end() {
        let rows = history();
        let told =
            |rows: &[Row], known: Option<Head>| check("www", rows, known.as_ref()).unwrap_err().to_string();
        let mut others = rows.clone();
        others[2].actor = "bob".to_owned();
        let others = rechained(others);
        assert_eq!(check("www", &others, Some(&end(&others))), Ok(end(&others)));
        let why = told(&others, Some(end(&rows)));
        assert_eq!(why, "event 3 is not the one that the shift's row names by its hash");
        let why = told(&rows, Some(end(&rows[..2])));
        assert_eq!(why, "event 3 is one too many; the shift is at version 2");
        assert_eq!(told(&rows, None), "event 3 is there, and the shift itself is gone");
    }

    /// Programs add what may be absent, with a default. What a reading of theirs would write is not what is hashed.
    #[test]
    fn a_row_of_an_older_format_is_whole() {
        let data = r#"{"generation":1,"purpose":{"index":0,"name":"step"},"share":5.0,"weights":{}}"#;
        let row = Row {
            seq: 1,
            at: "2026-12-01T09:00:00Z".to_owned(),
            kind: "intended".to_owned(),
            actor: "crossfade".to_owned(),
            reason: None,
            data: data.to_owned(),
            hash: String::new(),
        };
        let rows = rechained(vec![row]);
        let read = Happened::from_parts(&rows[0].kind, data).unwrap();
        let (_, again) = read.to_parts().unwrap();
        assert_ne!(again, data, "the row lacks nothing: it proves nothing");
        assert_eq!(check("www", &rows, Some(&end(&rows))), Ok(end(&rows)));
    }
}
