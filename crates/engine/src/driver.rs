//! Which shift gets a round, and when: after a commit by somebody else, when its own wake-up comes, and whenever
//! metrics were read. A shift never has two rounds at once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crossfade_core::{decide::Rules, report::Report};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Engine,
    budget::Budgets,
    evidence::{Evidence, Wanted, shortest_period, want},
    round::Context,
    slot::Slot,
};

/// Rounds in flight are waited for this long when the daemon stops; what they leave is picked up at the next start.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Metrics are not asked for more often than this, however short a gate's periods are.
const METRICS_AT_MOST_EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn drive(engine: Engine, shutdown: CancellationToken) {
    let Engine { store, accounts, clock, poke, vitals, settings, probe, installation } = engine;
    let rules = Rules {
        owner: installation.id,
        epoch: installation.epoch,
        propagation: SignedDuration::try_from(settings.propagation).unwrap_or(SignedDuration::MAX),
    };
    let budgets = Budgets::new(accounts.names(), settings.requests_per_second);
    let evidence = Evidence::default();
    let context =
        Arc::new(Context { store, accounts, clock, vitals, settings, probe, rules, budgets, evidence });
    let mut driver = Driver {
        context,
        places: BTreeMap::new(),
        rounds: JoinSet::new(),
        chores: JoinSet::new(),
        reports: BTreeMap::new(),
        scan_at: Instant::now(),
        metrics_at: Instant::now(),
        metrics_read_at: Instant::now(),
        reading: false,
        saving: false,
    };
    loop {
        driver.work().await;
        let alarm = driver.alarm();
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = poke.poked() => driver.scan_at = Instant::now(),
            Some(done) = driver.rounds.join_next() => driver.returned(done.ok()),
            Some(done) = driver.chores.join_next() => driver.chore_done(done.ok()),
            () = sleep_until(alarm) => {}
        }
    }
    driver.stop().await;
}

struct Driver {
    context: Arc<Context>,
    places: BTreeMap<String, Place>,
    rounds: JoinSet<Box<Slot>>,
    chores: JoinSet<Chore>,
    /// Reports that are not saved yet.
    reports: BTreeMap<String, Report>,
    scan_at: Instant,
    metrics_at: Instant,
    metrics_read_at: Instant,
    reading: bool,
    saving: bool,
}

enum Place {
    /// Here until it is due.
    Here { slot: Box<Slot>, due: Option<Instant> },
    /// In a round. `again` when something happened meanwhile that asks for another one.
    Away { version: u64, outdated: Arc<Notify>, again: bool },
}

enum Chore {
    MetricsRead,
    ReportsSaved,
}

impl Driver {
    async fn work(&mut self) {
        let now = Instant::now();
        if now >= self.scan_at {
            self.scan().await;
            self.scan_at = Instant::now() + self.context.settings.poll;
        }
        if now >= self.metrics_at && !self.reading {
            self.read_metrics();
        }
        self.start_rounds();
        self.save_reports();
    }

    /// The next time at which there is something to do by itself.
    fn alarm(&self) -> Instant {
        let due = self.places.values().filter_map(|place| match place {
            Place::Here { due, .. } => *due,
            Place::Away { .. } => None,
        });
        let metrics = (!self.reading).then_some(self.metrics_at);
        due.chain(metrics).chain([self.scan_at]).min().unwrap_or(self.scan_at)
    }

    /// Compares what the store has with what is kept here.
    async fn scan(&mut self) {
        let active = match self.context.store.active().await {
            Ok(active) => active,
            Err(error) => return self.context.store_failed(&error),
        };
        self.context.store_answered();
        let now = self.context.clock.now();
        self.context.vitals.note(|signs| signs.cycle = Some(now));
        for (name, version) in active {
            match self.places.get_mut(&name) {
                None => self.arrived(&name).await,
                Some(Place::Here { slot, due })
                    if slot.shift.version != version && slot.unsaved.is_empty() =>
                {
                    slot.stale = true;
                    *due = Some(Instant::now());
                }
                Some(Place::Away { version: left_at, outdated, again }) if *left_at != version && !*again => {
                    *again = true;
                    outdated.notify_one();
                }
                Some(Place::Here { .. } | Place::Away { .. }) => {}
            }
        }
        metrics::gauge!("crossfade_shifts_active").set(self.places.len() as f64);
    }

    async fn arrived(&mut self, name: &str) {
        match self.context.store.load(name).await {
            Ok(Some(stored)) if stored.shift.is_active() => {
                let slot = Box::new(Slot::new(stored.shift));
                self.places.insert(name.to_owned(), Place::Here { slot, due: Some(Instant::now()) });
            }
            Ok(_) => {}
            Err(error) => self.context.store_failed(&error),
        }
    }

    fn start_rounds(&mut self) {
        let now = Instant::now();
        for place in self.places.values_mut() {
            let Place::Here { slot, due: Some(due) } = place else { continue };
            if *due > now {
                continue;
            }
            let away =
                Place::Away { version: slot.shift.version, outdated: slot.outdated.clone(), again: false };
            let Place::Here { mut slot, .. } = std::mem::replace(place, away) else { continue };
            let context = self.context.clone();
            self.rounds.spawn(async move {
                context.round(&mut slot).await;
                slot
            });
        }
    }

    fn returned(&mut self, slot: Option<Box<Slot>>) {
        // A round that panicked leaves its shift away for ever: forget it, and the next scan takes it up anew.
        let Some(mut slot) = slot else {
            tracing::error!("a round ended in a panic; its shift is taken up again");
            self.places.retain(|_, place| matches!(place, Place::Here { .. }));
            return;
        };
        let name = slot.shift.name.clone();
        if slot.report_changed() {
            self.reports.insert(name.clone(), slot.report.clone());
        }
        let again = match self.places.get(&name) {
            Some(Place::Away { again, version, .. }) => *again && *version == slot.shift.version,
            Some(Place::Here { .. }) | None => false,
        };
        if !slot.shift.is_active() && slot.unsaved.is_empty() && !again {
            self.places.remove(&name);
            return;
        }
        slot.stale |= again;
        if slot.lacks_metrics() {
            self.metrics_at = self.metrics_at.min(self.metrics_read_at + METRICS_AT_MOST_EVERY);
        }
        let due = if again { Some(Instant::now()) } else { slot.wake.map(|at| self.instant(at)) };
        self.places.insert(name, Place::Here { slot, due });
    }

    /// Reads what all gates want, in one go. Afterwards every shift gets a round.
    fn read_metrics(&mut self) {
        let now = self.context.clock.now();
        let mut wanted = Wanted::new();
        let mut every = self.context.settings.metrics_every;
        for place in self.places.values() {
            // A shift in a round keeps what it wanted: its slot is not here to ask.
            let Place::Here { slot, .. } = place else { continue };
            want(&mut wanted, &slot.shift, now);
            if slot.shift.next_step().is_some()
                && let Some(period) = shortest_period(&slot.shift).and_then(|p| Duration::try_from(p).ok())
            {
                every = every.min(period / 2);
            }
        }
        self.metrics_read_at = Instant::now();
        self.metrics_at = self.metrics_read_at + every.max(METRICS_AT_MOST_EVERY);
        if wanted.is_empty() {
            return;
        }
        self.reading = true;
        let context = self.context.clone();
        self.chores.spawn(async move {
            context.evidence.read(wanted, &context.accounts, &*context.clock, &context.vitals).await;
            Chore::MetricsRead
        });
    }

    fn save_reports(&mut self) {
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

    fn chore_done(&mut self, chore: Option<Chore>) {
        match chore {
            Some(Chore::MetricsRead) => {
                self.reading = false;
                for place in self.places.values_mut() {
                    if let Place::Here { slot, due } = place
                        && slot.shift.next_step().is_some()
                    {
                        *due = Some(Instant::now());
                    }
                }
            }
            Some(Chore::ReportsSaved) => self.saving = false,
            None => {
                tracing::error!("a chore ended in a panic");
                self.reading = false;
                self.saving = false;
            }
        }
    }

    fn instant(&self, at: Timestamp) -> Instant {
        let ahead = at.duration_since(self.context.clock.now());
        Instant::now() + Duration::try_from(ahead).unwrap_or(Duration::ZERO)
    }

    async fn stop(mut self) {
        let all = async { while self.rounds.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("some rounds did not end in time; they are picked up at the next start");
        }
    }
}
