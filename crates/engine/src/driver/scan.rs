//! Looking into the store: which shifts there are, whether they are as they are kept here, and which are new.
//!
//! Beside everything else: a store that does not answer keeps neither gates nor rounds waiting.

use std::{collections::BTreeMap, sync::Arc};

use crossfade_core::shift::Shift;
use crossfade_ports::{
    StoreError,
    store::{Active, Head},
};
use tokio::time::Instant;

use super::{Driver, Place, chores::Chore};
use crate::{Point, lease::Holding, slot::Slot};

/// As many are read before the first of them gets its round.
const AT_ONCE: usize = 20;

/// Shifts that are new here.
pub(super) struct Arrived {
    shifts: Vec<(Shift, Arc<Holding>)>,
    /// Those that are still to be read.
    rest: Vec<New>,
    /// The one at which the store failed to answer: none behind it was asked for.
    failed_at: Option<String>,
}

/// A shift that is new here, and the lease under which it is read.
type New = (String, Arc<Holding>);

/// When the store is looked into.
pub(super) struct Scan {
    at: Instant,
    under_way: bool,
    /// Shifts that are new here are being read.
    arriving: bool,
    /// Meanwhile the store was looked into, and may have more of them, or newer states.
    more_arrive: bool,
    /// The shift at which the store failed to answer when it was last asked for those that are new here.
    failed_at: Option<String>,
}

impl Scan {
    pub(super) fn new() -> Scan {
        Scan { at: Instant::now(), under_way: false, arriving: false, more_arrive: false, failed_at: None }
    }

    /// The next look, unless one is under way.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.under_way).then_some(self.at)
    }

    /// Something has changed: once more, also while a look is under way.
    pub(super) fn hurry(&mut self) {
        self.at = Instant::now();
    }

    pub(super) fn failed(&mut self) {
        (self.under_way, self.arriving) = (false, false);
    }
}

impl Driver {
    /// Asks the store which shifts there are, and in which state.
    pub(super) fn look_into_store(&mut self) {
        let now = Instant::now();
        if self.scan.due().is_none_or(|due| due > now) {
            return;
        }
        self.scan.under_way = true;
        self.scan.at = now + self.context.settings.poll;
        let store = self.context.store.clone();
        self.chores.spawn(async move { Chore::Scanned(store.active().await) });
    }

    /// Compares what the store has with what is kept here.
    pub(super) fn scanned(&mut self, active: Result<Vec<Active>, StoreError>) {
        self.scan.under_way = false;
        let active = match active {
            Ok(active) => active,
            Err(error) => {
                self.scan.at = Instant::now() + self.context.settings.poll;
                return self.context.store_failed(&error);
            }
        };
        self.context.store_answered();
        let now = self.context.clock.now();
        self.context.vitals.note(|signs| signs.cycle = Some(now));
        self.worked_on.send_if_modified(|worked_on| {
            let before = std::mem::take(worked_on);
            worked_on.extend(active.iter().map(|active| active.account.clone()));
            before != *worked_on
        });
        let heads: BTreeMap<&str, &Head> =
            active.iter().map(|active| (active.name.as_str(), &active.head)).collect();
        for (name, place) in &mut self.places {
            place.compare(heads.get(name.as_str()).copied());
        }
        self.take_up(&active);
        metrics::gauge!("crossfade_shifts_active").set(self.places.len() as f64);
    }

    /// Reads those that are new here, of accounts that are this replica's.
    fn take_up(&mut self, active: &[Active]) {
        if self.scan.arriving {
            self.scan.more_arrive = true;
            return;
        }
        // What was not to be had the last time comes last.
        let failed = |active: &Active| Some(&active.name) == self.scan.failed_at.as_ref();
        let behind = active.iter().position(failed).map_or(0, |at| at + 1);
        let held = self.held.borrow().clone();
        let all = active[behind..].iter().chain(&active[..behind]);
        let new: Vec<New> = all
            .filter(|active| !self.places.contains_key(&active.name))
            .filter_map(|active| Some((active.name.clone(), held.get(&active.account)?.clone())))
            .collect();
        if !new.is_empty() {
            self.read_new(new);
        }
    }

    fn read_new(&mut self, mut new: Vec<New>) {
        self.scan.arriving = true;
        let rest = new.split_off(AT_ONCE.min(new.len()));
        let context = self.context.clone();
        self.chores.spawn(async move {
            let mut arrived = Arrived { shifts: Vec::new(), rest, failed_at: None };
            for (name, holding) in new {
                match context.store.load(&name).await {
                    Ok(stored) => arrived.shifts.extend(stored.map(|stored| (stored.shift, holding))),
                    Err(error) => {
                        context.store_failed(&error);
                        // Each of the others would wait for it as long. A row that makes no sense is one shift's affair.
                        if error.is_retryable() {
                            arrived.failed_at = Some(name);
                            break;
                        }
                    }
                }
            }
            Chore::Arrived(arrived)
        });
    }

    pub(super) fn arrived(&mut self, Arrived { shifts, rest, failed_at }: Arrived) {
        let held = self.held.borrow().clone();
        for (shift, read_under) in shifts.into_iter().filter(|(shift, _)| shift.is_active()) {
            let Some(holding) = held.get(&shift.plan.account) else { continue };
            if let Some(point) = Point::of(&shift) {
                self.context.probe.at(point);
            }
            let (name, mut slot) = (shift.name.clone(), Box::new(Slot::new(shift, holding.clone())));
            // Somebody may have changed it since: a look into the store did not find it here, or another had the lease.
            slot.stale = self.scan.more_arrive || !Arc::ptr_eq(&read_under, holding);
            self.places.entry(name).or_insert(Place::Here { slot, due: Some(Instant::now()) });
        }
        if !rest.is_empty() && failed_at.is_none() {
            return self.read_new(rest);
        }
        self.scan.arriving = false;
        if std::mem::take(&mut self.scan.more_arrive) {
            self.scan.hurry();
        }
        if failed_at.is_some() {
            self.scan.failed_at = failed_at;
        }
    }
}
