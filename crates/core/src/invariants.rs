//! What must never happen: twenty functions over a world of plain values.
//!
//! A [`World`] is what somebody who sees everything would see: the zones as they really are, everything that was
//! committed and on what it was decided, every batch that landed with the zone before and after it. The simulator
//! builds one after every single step and asks [`all`]. Most of the functions look only at what is new since the
//! last look, so that asking costs next to nothing. Those marked [`Invariant::in_production`] also make sense over
//! what a running daemon can see: its zones and its history.
//!
//! The numbers are kept for good; documentation and failing runs refer to them.

mod calendar;
mod evidence;
mod raise;
mod story;
#[cfg(test)]
mod tests;
mod zone;

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{
    RecordSet, ZoneId,
    batch::{Action, Batch},
    decide::{Other, ZoneRead},
    event::{Actor, Event, Happened},
    fence::{self, Fence},
    gate::Answer,
    shift::{Purpose, Shift},
};

/// One of the twenty.
pub struct Invariant {
    pub number: u8,
    /// What holds, in a sentence.
    pub sentence: &'static str,
    /// Whether a daemon can check it over its own zones and history, without seeing everything.
    pub in_production: bool,
    check: fn(&World<'_>) -> Result<(), String>,
}

/// An invariant that does not hold, and the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub number: u8,
    pub promise: &'static str,
    pub sentence: String,
}

/// Everything there is to see. What is called new is what came since the last look.
pub struct World<'a> {
    /// By a clock that is right.
    pub now: Timestamp,
    /// The installation, as it stands in fences.
    pub owner: &'a str,
    /// The state that the store has.
    pub shift: &'a Shift,
    pub history: &'a [Event],
    /// How many events of the history were looked at before.
    pub checked: usize,
    /// Every record set at the shift's names and their fences' names.
    pub zones: &'a BTreeMap<ZoneId, Vec<RecordSet>>,
    /// New commits.
    pub commits: &'a [Arc<Commit>],
    /// New batches that Route 53 applied.
    pub landed: &'a [Landed],
    /// New batches that were handed to Route 53, whatever became of them.
    pub sent: &'a [Sent],
    /// Daemons that take themselves for the one that may write.
    pub writers: u32,
    /// Route 53 requests that were not for a revert, by one daemon within the last ten seconds.
    pub requests: u32,
    /// As many of them are allowed.
    pub requests_max: u32,
    /// Something that has to have happened by now, and has not.
    pub overdue: Option<&'a str>,
    /// Nothing is on its way and nobody else has written: what is remembered is what is there.
    pub at_rest: bool,
}

/// A commit: what was written down, and what it was decided on.
#[derive(Debug)]
pub struct Commit {
    /// By a clock that is right.
    pub at: Timestamp,
    pub before: Arc<Shift>,
    pub events: Vec<Event>,
    /// What the daemon had read of metrics; empty for a person's command.
    pub gates: BTreeMap<String, Answer>,
    /// What the daemon had read of the zones, likewise.
    pub reads: BTreeMap<ZoneId, ZoneRead>,
    /// What it had read of other shifts, likewise.
    pub others: BTreeMap<String, Other>,
    /// False when it was acted on without the store.
    pub saved: bool,
}

/// A batch that was handed to Route 53.
#[derive(Debug)]
pub struct Sent {
    pub at: Timestamp,
    /// The same by the clock of the daemon that sent it.
    pub clock: Timestamp,
    pub zone: ZoneId,
    pub generation: u64,
    /// The state it was decided on.
    pub shift: Arc<Shift>,
    /// Since when the store has had a pause that the daemon had not heard of, if it has one.
    pub paused_since: Option<Timestamp>,
}

/// A batch that Route 53 applied, with the zone's record sets at the shift's names before and after it.
#[derive(Debug)]
pub struct Landed {
    pub at: Timestamp,
    /// The shift that sent it.
    pub shift: Arc<Shift>,
    pub generation: u64,
    pub batch: Batch,
    pub before: Vec<RecordSet>,
    pub after: Vec<RecordSet>,
    /// The commit that intended it.
    pub intent: Option<Arc<Commit>>,
    /// Whether that commit was in the store when the batch was sent.
    pub saved: bool,
    /// Whether the store's shift had already given its records up, or ended a revert or a step back.
    pub over: Option<&'static str>,
}

/// An intended write, taken out of its commit.
pub(crate) struct Intended<'a> {
    pub(crate) commit: &'a Commit,
    pub(crate) event: &'a Event,
    pub(crate) generation: u64,
    pub(crate) purpose: Purpose,
    pub(crate) share: crate::Share,
    pub(crate) gates: &'a [crate::gate::GateReport],
}

/// All twenty, in order.
pub fn all() -> &'static [Invariant] {
    &ALL
}

/// Everything that does not hold, and how many were asked.
pub fn check(world: &World<'_>) -> Result<(), Violation> {
    for invariant in &ALL {
        invariant.check(world)?;
    }
    Ok(())
}

impl Invariant {
    pub fn check(&self, world: &World<'_>) -> Result<(), Violation> {
        (self.check)(world).map_err(|sentence| Violation {
            number: self.number,
            promise: self.sentence,
            sentence,
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{} ({}): {}", self.number, self.promise, self.sentence)
    }
}

type Check = fn(&World<'_>) -> Result<(), String>;

const fn seen_by_all(number: u8, sentence: &'static str, check: Check) -> Invariant {
    Invariant { number, sentence, in_production: true, check }
}

const fn simulated(number: u8, sentence: &'static str, check: Check) -> Invariant {
    Invariant { number, sentence, in_production: false, check }
}

const ALL: [Invariant; 20] = [
    seen_by_all(1, "a write leaves every group with all its members and a weight above zero", zone::i1),
    simulated(2, "a write changes weights and fences, and nothing else of a record set", zone::i2),
    simulated(
        3,
        "the fence, which knows the way home, goes only when a person gives the records up",
        zone::i3,
    ),
    simulated(4, "a fence never goes back, and no write lands over a fence that it did not name", zone::i4),
    simulated(
        5,
        "after a revert or a step back, or after the records were given up, no earlier write lands",
        zone::i5,
    ),
    simulated(6, "a pause keeps everything from going up, a freeze everything from being sent", raise::i6),
    simulated(
        7,
        "going up takes passing gates or a person, and leads nowhere but to the plan's step",
        raise::i7,
    ),
    simulated(8, "the evidence for going up is fresh", evidence::i8),
    simulated(9, "missing, partial or late data never pass", evidence::i9),
    simulated(10, "one step at a time, and none twice", raise::i10),
    simulated(11, "a step is observed for its whole hold time after its traffic has settled", raise::i11),
    simulated(
        12,
        "the calendar is open, and other shifts are far enough, when a step is taken",
        calendar::i12,
    ),
    seen_by_all(
        13,
        "one write is open at a time, and each has a higher number than the one before",
        story::i13,
    ),
    seen_by_all(14, "confirmed, or released, means read back after INSYNC", story::i14),
    simulated(15, "a step lands only on a zone that is as the shift left it", raise::i15),
    simulated(16, "a write touches the plan's names, types and zones, and their fences", zone::i16),
    simulated(17, "one daemon writes, and fences never show an earlier daemon after a later one", story::i17),
    seen_by_all(
        18,
        "every write has its story: intended, by somebody, for a reason that was seen, in an unbroken chain",
        story::i18,
    ),
    simulated(19, "AWS is asked no more often than the budget says", story::i19),
    simulated(20, "there is a way home: what a person asks for happens in time", story::i20),
];

impl Commit {
    /// The write that it intended.
    pub(crate) fn intended(&self) -> Option<Intended<'_>> {
        self.events.iter().rev().find_map(|event| {
            let Happened::Intended { generation, purpose, share, gates, .. } = &event.what else {
                return None;
            };
            Some(Intended {
                commit: self,
                event,
                generation: *generation,
                purpose: *purpose,
                share: *share,
                gates,
            })
        })
    }
}

impl Landed {
    pub(crate) fn purpose(&self) -> Option<Purpose> {
        self.intent.as_ref().and_then(|intent| intent.intended()).map(|intended| intended.purpose)
    }

    /// The one write that compares nothing: a revert's last resort.
    pub(crate) fn overwrites(&self) -> bool {
        self.batch.changes.iter().any(|change| change.action == Action::Upsert)
    }

    /// The fences before and after, by name.
    pub(crate) fn fences(&self) -> impl Iterator<Item = (Option<Fence>, Option<Fence>)> {
        let find =
            |sets: &[RecordSet], name: &crate::RecordName| fence::find(sets, name).and_then(Fence::decode);
        self.shift
            .names(&self.batch.zone)
            .into_iter()
            .map(move |name| (find(&self.before, &name), find(&self.after, &name)))
    }
}

impl World<'_> {
    /// The writes that were newly intended.
    pub(crate) fn intents(&self) -> impl Iterator<Item = Intended<'_>> {
        self.commits.iter().filter_map(|commit| commit.intended())
    }

    /// The steps among them.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (usize, Intended<'_>)> {
        self.intents().filter_map(|intended| match intended.purpose {
            Purpose::Step { index } => Some((index, intended)),
            Purpose::StepBack { .. }
            | Purpose::Revert
            | Purpose::Adopt
            | Purpose::Reassert
            | Purpose::Stay
            | Purpose::Release => None,
        })
    }
}

pub(crate) fn is_person(actor: &Actor) -> bool {
    *actor != Actor::daemon()
}

pub(crate) fn seconds(duration: SignedDuration) -> f64 {
    duration.as_secs_f64()
}
