//! What is done for all shifts together, beside their rounds: metrics are read, targets are probed, reports are saved.

use std::{collections::BTreeSet, time::Duration};

use crossfade_core::report::Report;
use tokio::time::Instant;

use super::{Driver, Place, ended::Looked};
use crate::evidence::{Wanted, merge, shortest_period, want, want_probes};

/// Nothing is asked for more often than this, however short a gate's periods are.
pub(super) const METRICS_AT_MOST_EVERY: Duration = Duration::from_secs(2);

pub(super) enum Chore {
    MetricsRead,
    Probed,
    ReportsSaved,
    TailsSeen(Looked),
}

impl Driver {
    /// Reads what all gates want, in one go. Afterwards every shift gets a round.
    pub(super) fn read_metrics(&mut self) {
        let now = self.context.clock.now();
        let mut wanted = Wanted::default();
        for place in self.places.values() {
            match place {
                Place::Here { slot, .. } => want(&mut wanted, &slot.shift, now),
                Place::Away { wants, .. } => merge(&mut wanted, wants),
            }
        }
        let every = shortest_period(&wanted).map_or(self.context.settings.metrics_every, |period| {
            self.context.settings.metrics_every.min(period / 2)
        });
        self.metrics_read_at = Instant::now();
        self.metrics_at = self.metrics_read_at + every.max(METRICS_AT_MOST_EVERY);
        self.reading = true;
        let context = self.context.clone();
        self.chores.spawn(async move {
            context.evidence.read(wanted, &context.accounts, &*context.clock, &context.vitals).await;
            Chore::MetricsRead
        });
    }

    /// Asks every target that a gate wants, once. Afterwards every shift gets a round.
    pub(super) fn probe_targets(&mut self) {
        let mut wanted = BTreeSet::new();
        for place in self.places.values() {
            match place {
                Place::Here { slot, .. } => want_probes(&mut wanted, &slot.shift, &slot.seen),
                Place::Away { targets, .. } => wanted.extend(targets.iter().cloned()),
            }
        }
        self.probed_at = Instant::now();
        self.probes_at = self.probed_at + self.context.settings.probes_every;
        if wanted.is_empty() {
            return self.context.evidence.probes.forget();
        }
        self.probing = true;
        let context = self.context.clone();
        self.chores.spawn(async move {
            context.evidence.probes.probe(wanted, &*context.probes, &*context.clock).await;
            Chore::Probed
        });
    }

    pub(super) fn save_reports(&mut self) {
        if self.saving || self.reports.is_empty() {
            return;
        }
        self.saving = true;
        let reports: Vec<(String, Report)> = std::mem::take(&mut self.reports).into_iter().collect();
        let context = self.context.clone();
        self.chores.spawn(async move {
            if let Err(error) = context.store.put_reports(&reports).await {
                context.store_failed(&error);
            }
            Chore::ReportsSaved
        });
    }

    pub(super) fn chore_done(&mut self, chore: Option<Chore>) {
        match chore {
            Some(Chore::MetricsRead) => {
                self.reading = false;
                self.weigh_anew();
            }
            Some(Chore::Probed) => {
                self.probing = false;
                self.weigh_anew();
            }
            Some(Chore::ReportsSaved) => self.saving = false,
            Some(Chore::TailsSeen(looked)) => self.tails_seen(looked),
            None => {
                tracing::error!("a chore ended in a panic");
                self.reading = false;
                self.probing = false;
                self.saving = false;
                self.ended.failed();
            }
        }
    }

    /// There is new evidence: a round for every shift that goes by it.
    fn weigh_anew(&mut self) {
        for place in self.places.values_mut() {
            if let Place::Here { slot, due } = place
                && slot.shift.next_step().is_some()
            {
                *due = Some(Instant::now());
            }
        }
    }
}
