//! Rows of the table of events, one a line as in the recorded histories: read, written again, folded, and decided on.

#![no_main]

use crossfade_core::{
    event::{Actor, Event, Happened, Hash},
    report::headline,
    shift::{Shift, fold},
};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Row<'a> {
    seq: u64,
    at: Timestamp,
    kind: String,
    actor: String,
    reason: Option<String>,
    hash: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rows: Vec<Row> = text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        let Ok(what) = Happened::from_parts(&row.kind, row.data.get()) else { return };
        let (kind, data) = what.to_parts().expect("what was read is written");
        assert_eq!(Happened::from_parts(&kind, &data).expect("what was written is read"), what);
        let (actor, hash) = (Actor(row.actor), Hash(row.hash));
        events.push(Event { seq: row.seq, at: row.at, what, actor, reason: row.reason, hash });
    }
    let Ok(shift) = fold(&events) else { return };
    let snapshot = serde_json::to_string(&shift).expect("a shift is JSON");
    assert_eq!(serde_json::from_str::<Shift>(&snapshot).expect("a snapshot is read"), shift);
    let now = events.last().map_or(Timestamp::UNIX_EPOCH, |event| event.at);
    let _ = (shift.possible(), shift.stage(now), shift.holds_records(), headline(&shift, None, now));
});
