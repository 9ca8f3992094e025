//! What is done for all shifts together, beside their rounds: metrics are read, targets are probed, reports are saved.
//! `scan` and `ended` have two more chores.

use std::{collections::BTreeSet, time::Duration};

use crossfade_core::{report::Report, shift::Shift};
use crossfade_ports::{StoreError, store::Active};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Driver, Place, ended::Looked, scan::Arrived};
use crate::evidence::{Wanted, merge, shortest_period, want, want_probes};

/// Nothing is asked for more often than this, however short a gate's periods are.
pub(super) const METRICS_AT_MOST_EVERY: Duration = Duration::from_secs(2);

/// After none could be saved: they are tried one by one, and nothing is decided by them.
const REPORTS_AGAIN_AFTER: Duration = Duration::from_secs(10);

pub(super) enum Chore {
    Scanned(Result<Vec<Active>, StoreError>),
    Arrived(Arrived),
    /// Of this account; when the read began, if it was complete.
    MetricsRead(String, Option<Timestamp>),
    Probed,
    /// These; none when the store failed.
    ReportsSaved(Vec<(String, Report)>),
    TailsSeen(Looked),
}

/// When an account's metrics are read.
pub(super) struct Reading {
    at: Instant,
    read_at: Instant,
    under_way: bool,
    /// The last complete read, while anything is wanted.
    complete_at: Option<Timestamp>,
    wanted: bool,
}

impl Reading {
    pub(super) fn new() -> Reading {
        let now = Instant::now();
        Reading { at: now, read_at: now, under_way: false, complete_at: None, wanted: false }
    }

    /// The next read, unless one is under way.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.under_way).then_some(self.at)
    }

    /// There is a shift that has nothing to go by yet.
    pub(super) fn hurry(&mut self) {
        self.at = self.at.min(self.read_at + METRICS_AT_MOST_EVERY);
    }
}

impl Driver {
    /// Reads what all gates of an account want, in one go, where that is due. Afterwards its shifts get a round each.
    pub(super) fn read_metrics(&mut self) {
        let due = |reading: &Reading| reading.due().is_some_and(|due| due <= Instant::now());
        if !self.readings.values().any(due) {
            return;
        }
        let now = self.context.clock.now();
        let mut all = Wanted::default();
        for place in self.places.values() {
            match place {
                Place::Here { slot, .. } => want(&mut all, &slot.shift, now),
                Place::Away { wants, .. } => merge(&mut all, wants),
            }
        }
        for (account, reading) in self.readings.iter_mut().filter(|(_, reading)| due(reading)) {
            let wanted = all.of(account);
            let every = shortest_period(&wanted).map_or(self.context.settings.metrics_every, |period| {
                self.context.settings.metrics_every.min(period / 2)
            });
            reading.read_at = Instant::now();
            reading.at = reading.read_at + every.max(METRICS_AT_MOST_EVERY);
            reading.wanted = !wanted.is_empty();
            if !reading.wanted {
                reading.complete_at = None;
                self.context.evidence.forget(account);
                continue;
            }
            reading.under_way = true;
            let (context, account) = (self.context.clone(), account.clone());
            self.chores.spawn(async move {
                let complete = context.evidence.read(&account, wanted, &context.accounts, now).await;
                Chore::MetricsRead(account, complete.then_some(now))
            });
        }
    }

    fn metrics_read(&mut self, account: &str, complete: Option<Timestamp>) {
        if let Some(reading) = self.readings.get_mut(account) {
            reading.under_way = false;
            reading.complete_at = complete.or(reading.complete_at);
        }
        // All of them were read by then.
        let wanted = self.readings.values().filter(|reading| reading.wanted);
        if let Some(at) = wanted.map(|reading| reading.complete_at).min().flatten() {
            self.context.vitals.note(|signs| signs.metrics = Some(at));
        }
        self.weigh_anew(|shift| shift.plan.account == account);
    }

    /// Asks every target that a gate wants, once. Out of turn, only those that never were: how many failures in a row are
    /// one too many is counted, and must not depend on what else begins meanwhile. Afterwards the shifts that want any
    /// get a round each.
    pub(super) fn probe_targets(&mut self) {
        let mut wanted = BTreeSet::new();
        for place in self.places.values() {
            match place {
                Place::Here { slot, .. } => want_probes(&mut wanted, &slot.shift, &slot.seen),
                Place::Away { targets, .. } => wanted.extend(targets.iter().cloned()),
            }
        }
        self.probed_at = Instant::now();
        let all = self.probed_at >= self.all_probes_at;
        if all {
            self.all_probes_at = self.probed_at + self.context.settings.probes_every;
        }
        self.probes_at = self.all_probes_at;
        if wanted.is_empty() {
            return self.context.evidence.probes.forget();
        }
        self.probing = true;
        let context = self.context.clone();
        self.chores.spawn(async move {
            context.evidence.probes.probe(wanted, all, &*context.probes, &*context.clock).await;
            Chore::Probed
        });
    }

    pub(super) fn save_reports(&mut self) {
        if self.saving || self.reports.is_empty() || self.save_at > Instant::now() {
            return;
        }
        self.saving = true;
        let reports: Vec<(String, Report)> = self.reports.clone().into_iter().collect();
        let context = self.context.clone();
        self.chores.spawn(async move {
            match context.store.put_reports(&reports).await {
                Ok(()) => Chore::ReportsSaved(reports),
                Err(error) => {
                    context.store_failed(&error);
                    let mut saved = Vec::new();
                    // One that is refused keeps none of the others from being saved.
                    let each = if error.is_retryable() { &[] } else { &reports[..] };
                    for report in each {
                        if context.store.put_reports(std::slice::from_ref(report)).await.is_ok() {
                            saved.push(report.clone());
                        }
                    }
                    Chore::ReportsSaved(saved)
                }
            }
        });
    }

    fn reports_saved(&mut self, saved: Vec<(String, Report)>) {
        self.saving = false;
        if saved.is_empty() {
            self.save_at = Instant::now() + REPORTS_AGAIN_AFTER;
        }
        for (name, report) in saved {
            if self.reports.get(&name) == Some(&report) {
                self.reports.remove(&name);
            }
        }
    }

    pub(super) fn chore_done(&mut self, chore: Option<Chore>) {
        match chore {
            Some(Chore::Scanned(active)) => self.scanned(active),
            Some(Chore::Arrived(arrived)) => self.arrived(arrived),
            Some(Chore::MetricsRead(account, complete)) => self.metrics_read(&account, complete),
            Some(Chore::Probed) => {
                self.probing = false;
                self.weigh_anew(|shift| shift.plan.gates.iter().any(|gate| gate.probe().is_some()));
            }
            Some(Chore::ReportsSaved(saved)) => self.reports_saved(saved),
            Some(Chore::TailsSeen(looked)) => self.tails_seen(looked),
            None => {
                tracing::error!("a chore ended in a panic");
                self.scan.failed();
                self.readings.values_mut().for_each(|reading| reading.under_way = false);
                self.probing = false;
                self.saving = false;
                self.ended.failed();
            }
        }
    }

    /// There is new evidence: a round for each of these shifts that goes by it.
    fn weigh_anew(&mut self, of: impl Fn(&Shift) -> bool) {
        for place in self.places.values_mut() {
            if let Place::Here { slot, due } = place
                && of(&slot.shift)
                && slot.shift.next_step().is_some()
            {
                *due = Some(Instant::now());
            }
        }
    }
}
