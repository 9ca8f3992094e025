//! What the engine keeps of an active shift between two rounds. All of it can be lost: the store has the state, and
//! the rest is seen again.

use std::sync::Arc;

use crossfade_core::{
    ZoneId,
    decide::{Memory, Observation},
    event::Event,
    plan::Gate,
    report::Report,
    shift::Shift,
};
use crossfade_ports::store::Head;
use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{evidence::Taken, lease::Holding};

pub(crate) struct Slot {
    pub(crate) shift: Shift,
    /// Where the store's history ended when this state was read from it or committed to it: what a commit builds on.
    /// The driver looks at it while a round has the slot, to tell the round's own commits from those of others.
    pub(crate) stored: watch::Sender<Head>,
    /// The lease of its account.
    pub(crate) holding: Arc<Holding>,
    pub(crate) seen: Observation,
    /// Where its metrics come from.
    pub(crate) taken: Taken,
    /// What deciding again makes use of.
    pub(crate) memory: Memory,
    /// Events after `stored` that were acted on while the store did not answer. Only ever of a shift on its way down.
    pub(crate) unsaved: Vec<Event>,
    pub(crate) report: Report,
    /// The report that was last handed over to be saved.
    saved: Option<Report>,
    /// The store has another state than this one.
    pub(crate) stale: bool,
    /// The store does not know the shift: it has lost it.
    pub(crate) gone: bool,
    /// When to look again, if nothing else happens.
    pub(crate) wake: Option<Timestamp>,
    /// Woken when the store has another state than this one.
    pub(crate) outdated: Arc<Notify>,
    /// Its place among those that wait for a zone to be read back.
    pub(crate) turn: Option<Instant>,
}

impl Slot {
    pub(crate) fn new(shift: Shift, holding: Arc<Holding>) -> Slot {
        Slot {
            stored: watch::Sender::new(Head::of(&shift)),
            shift,
            holding,
            seen: Observation::default(),
            taken: Taken::default(),
            memory: Memory::default(),
            unsaved: Vec::new(),
            report: Report::default(),
            saved: None,
            stale: false,
            gone: false,
            wake: None,
            outdated: Arc::new(Notify::new()),
            turn: None,
        }
    }

    pub(crate) fn stored(&self) -> Head {
        self.stored.borrow().clone()
    }

    /// Goes on under another lease. Somebody else may have been there in between, unless there is something to be
    /// saved: then saving it tells.
    pub(crate) fn go_on_under(&mut self, holding: Arc<Holding>) {
        self.holding = holding;
        self.seen.answered = None;
        self.stale = self.unsaved.is_empty();
        self.forget_zones();
    }

    /// Whether the report differs from the one last asked about.
    pub(crate) fn report_changed(&mut self) -> bool {
        let changed = self.saved.as_ref() != Some(&self.report);
        if changed {
            self.saved = Some(self.report.clone());
        }
        changed
    }

    /// Whether a gate that is to be judged by metrics has none yet.
    pub(crate) fn lacks_metrics(&self) -> bool {
        let lacks = |gate: &Gate| gate.probe().is_none() && !self.seen.gates.contains_key(&gate.name);
        self.shift.next_step().is_some() && self.shift.plan.gates.iter().any(lacks)
    }

    /// Forgets how the zones looked: they may have been changed since.
    pub(crate) fn forget_zones(&mut self) {
        self.seen.zones.clear();
    }

    /// The zone that was read the longest ago, and when; before all others, one that never was.
    pub(crate) fn oldest_read(&self) -> Option<(Option<Timestamp>, ZoneId)> {
        let read = |zone: ZoneId| (self.seen.zones.get(&zone).map(|read| read.at), zone);
        self.shift.zones().into_iter().map(read).min()
    }
}
