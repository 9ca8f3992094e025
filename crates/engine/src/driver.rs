//! Which shift gets a round, and when: after a commit by somebody else, when its own wake-up comes, and whenever
//! metrics were read. A shift never has two rounds at once.

mod chores;
mod ended;
mod scan;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use crossfade_core::{gate::ProbeTarget, report::Report};
use crossfade_ports::{
    poke::Poked,
    store::{Head, Replica},
};
use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use self::{
    chores::{Chore, METRICS_AT_MOST_EVERY, Reading},
    ended::Ended,
    scan::Scan,
};
use crate::{
    Engine,
    budget::Budgets,
    evidence::{Evidence, Wanted, want, want_probes},
    lease::{Holdings, Keeper, Terms},
    round::Context,
    slot::Slot,
};

/// Rounds in flight are waited for this long when the daemon stops; what they leave is picked up at the next start.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A clock that is set, or a machine that slept, moves every time that is waited for. So it is looked at again by then.
const CLOCK_TRUSTED_FOR: Duration = Duration::from_secs(300);

pub(crate) async fn drive(engine: Engine, shutdown: CancellationToken) {
    let Engine { store, accounts, probes, clock, poke, vitals, settings, probe, installation, replica } =
        engine;
    let names = accounts.names().into_iter().map(str::to_owned).collect();
    let me = Replica { id: replica, accounts: names };
    let worked_on = watch::Sender::default();
    let terms = Terms::new(settings.lease);
    let keeper = Keeper::new(
        store.clone(),
        clock.clone(),
        vitals.clone(),
        probe.clone(),
        me,
        terms,
        worked_on.subscribe(),
    );
    let (held, nudge) = (keeper.holdings(), keeper.nudge());
    let budgets = Budgets::new(accounts.names(), settings.requests_per_second);
    let evidence = Evidence::default();
    let readings = accounts.names().into_iter().map(|name| (name.to_owned(), Reading::new())).collect();
    let context = Arc::new(Context {
        store,
        accounts,
        probes,
        clock,
        vitals,
        settings,
        probe,
        installation,
        budgets,
        evidence,
        stopping: shutdown.clone(),
    });
    let now = Instant::now();
    let mut driver = Driver {
        context,
        held,
        worked_on,
        places: BTreeMap::new(),
        rounds: JoinSet::new(),
        turns: HashMap::new(),
        chores: JoinSet::new(),
        reports: BTreeMap::new(),
        ended: Ended::default(),
        scan: Scan::new(),
        readings,
        probes_at: now,
        all_probes_at: now,
        probed_at: now,
        probing: false,
        save_at: now,
        saving: false,
    };
    let stopped = CancellationToken::new();
    let driven = async {
        loop {
            driver.work();
            let alarm = driver.alarm();
            tokio::select! {
                () = shutdown.cancelled() => break,
                Poked { names, everywhere } = poke.poked() => {
                    if !driver.look_at(&names) || everywhere {
                        driver.scan.hurry();
                        // It may have been about a lease.
                        nudge.notify_one();
                    }
                }
                Ok(()) = driver.held.changed() => driver.sort_out(),
                Some(done) = driver.rounds.join_next_with_id() => {
                    driver.returned(done);
                    // All that are back, before there is a look at all places again.
                    while let Some(done) = driver.rounds.try_join_next_with_id() {
                        driver.returned(done);
                    }
                }
                Some(done) = driver.chores.join_next() => driver.chore_done(done.ok()),
                () = sleep_until(alarm) => {}
            }
        }
        driver.stop().await;
        stopped.cancel();
    };
    // Leases are looked after while rounds end, and until they have.
    tokio::join!(driven, keeper.run(stopped.clone()));
}

struct Driver {
    context: Arc<Context>,
    /// The accounts of this replica.
    held: watch::Receiver<Holdings>,
    /// The accounts that have active shifts.
    worked_on: watch::Sender<BTreeSet<String>>,
    places: BTreeMap<String, Place>,
    rounds: JoinSet<Box<Slot>>,
    /// Whose rounds they are.
    turns: HashMap<Id, String>,
    chores: JoinSet<Chore>,
    /// Reports that are not saved yet.
    reports: BTreeMap<String, Report>,
    /// Shifts that are over, and whose tails are still looked at.
    ended: Ended,
    scan: Scan,
    /// Of each account's metrics: one that does not answer keeps no others waiting.
    readings: BTreeMap<String, Reading>,
    /// The next time that any target is probed, and that all are.
    probes_at: Instant,
    all_probes_at: Instant,
    probed_at: Instant,
    probing: bool,
    save_at: Instant,
    saving: bool,
}

enum Place {
    /// Here until it is due.
    Here { slot: Box<Slot>, due: Option<Instant> },
    /// In a round.
    Away {
        /// The store's, as the round began.
        left_at: Head,
        /// The store's, as the round knows it: it moves with the round's own commits.
        stored: watch::Receiver<Head>,
        outdated: Arc<Notify>,
        /// What the round knew when the store last had another state than that.
        overtaken: Option<Head>,
        /// What its gates want to be read: a round that waits for a silent store must not keep its metrics from being
        /// read.
        wants: Wanted,
        /// Likewise.
        targets: BTreeSet<ProbeTarget>,
    },
}

impl Place {
    /// Notices that the store has another state: a newer one, one that parted from this one when the database lost
    /// its newest commits, or none that is active.
    fn compare(&mut self, head: Option<&Head>) {
        match self {
            // What is to be saved meets the store's state by itself.
            Place::Here { slot, due } if head != Some(&slot.stored()) && slot.unsaved.is_empty() => {
                slot.stale = true;
                *due = Some(Instant::now());
            }
            Place::Here { .. } => {}
            Place::Away { stored, outdated, overtaken, .. } => {
                let known = stored.borrow().clone();
                if head != Some(&known) {
                    *overtaken = Some(known);
                    outdated.notify_one();
                }
            }
        }
    }
}

impl Driver {
    fn work(&mut self) {
        self.look_into_store();
        self.read_metrics();
        if Instant::now() >= self.probes_at && !self.probing {
            self.probe_targets();
        }
        self.look_at_tails();
        self.start_rounds();
        self.save_reports();
    }

    /// The next time at which there is something to do by itself.
    fn alarm(&self) -> Instant {
        let due = self.places.values().filter_map(|place| match place {
            Place::Here { due, .. } => *due,
            Place::Away { .. } => None,
        });
        let metrics = self.readings.values().filter_map(Reading::due);
        let probes = (!self.probing).then_some(self.probes_at);
        let others = metrics.chain(probes).chain(self.scan.due()).chain(self.ended.due(Instant::now()));
        due.chain(others).min().unwrap_or_else(|| Instant::now() + self.context.settings.poll)
    }

    /// Gives these shifts a round each. `false` when that is not all there is to do: one is not here, or none was named.
    fn look_at(&mut self, names: &BTreeSet<String>) -> bool {
        let mut all = !names.is_empty();
        for name in names {
            match self.places.get_mut(name) {
                Some(Place::Here { slot, due }) if slot.unsaved.is_empty() => {
                    slot.stale = true;
                    *due = Some(Instant::now());
                }
                Some(Place::Here { .. } | Place::Away { .. }) | None => all = false,
            }
        }
        all
    }

    /// Leaves the shifts of accounts that are another replica's now, and goes on with those that are this one's again.
    fn sort_out(&mut self) {
        self.ended.find();
        let held = self.held.borrow_and_update().clone();
        self.context.budgets.forget_turns(|account| !held.contains_key(account));
        self.places.retain(|name, place| match place {
            Place::Here { slot, due } => match held.get(&slot.shift.plan.account) {
                None => {
                    // Whoever has it now says more of it.
                    self.reports.remove(name);
                    false
                }
                Some(holding) => {
                    if !Arc::ptr_eq(holding, &slot.holding) {
                        slot.go_on_under(holding.clone());
                        *due = Some(Instant::now());
                    }
                    true
                }
            },
            // Seen to when it returns.
            Place::Away { .. } => true,
        });
        self.scan.hurry();
    }

    fn start_rounds(&mut self) {
        let now = Instant::now();
        for (name, place) in &mut self.places {
            let Place::Here { slot, due } = place else { continue };
            if slot.holding.is_over() {
                // Until it is known who has the account.
                *due = None;
            }
            if due.is_none_or(|due| due > now) {
                continue;
            }
            let mut wants = Wanted::default();
            want(&mut wants, &slot.shift, self.context.clock.now());
            let mut targets = BTreeSet::new();
            want_probes(&mut targets, &slot.shift, &slot.seen);
            let away = Place::Away {
                left_at: slot.stored(),
                stored: slot.stored.subscribe(),
                outdated: slot.outdated.clone(),
                overtaken: None,
                wants,
                targets,
            };
            let Place::Here { mut slot, .. } = std::mem::replace(place, away) else { continue };
            let context = self.context.clone();
            let round = self.rounds.spawn(async move {
                context.round(&mut slot).await;
                slot
            });
            self.turns.insert(round.id(), name.clone());
        }
    }

    fn returned(&mut self, round: Result<(Id, Box<Slot>), JoinError>) {
        let mut slot = match round {
            Ok((id, slot)) => {
                self.turns.remove(&id);
                slot
            }
            Err(error) => {
                // Its shift would be away for ever: forget it, and the next scan takes it up anew.
                let name = self.turns.remove(&error.id()).unwrap_or_default();
                tracing::error!(shift.name = name, "a round ended in a panic; its shift is taken up again");
                self.places.remove(&name);
                return;
            }
        };
        let name = slot.shift.name.clone();
        if slot.report_changed() {
            self.reports.insert(name.clone(), slot.report.clone());
        }
        let stored = slot.stored();
        let (again, moved) = match self.places.get(&name) {
            Some(Place::Away { overtaken, left_at, .. }) => {
                (overtaken.as_ref() == Some(&stored), *left_at != stored)
            }
            Some(Place::Here { .. }) | None => (false, false),
        };
        if moved {
            self.tell_those_after(&name);
        }
        if slot.gone || (!slot.shift.is_active() && slot.unsaved.is_empty() && !again) {
            self.places.remove(&name);
            if !slot.gone {
                self.ended.add(name);
            }
            return;
        }
        slot.stale |= again && slot.unsaved.is_empty();
        let mut due = if again { Some(Instant::now()) } else { slot.wake.map(|at| self.instant(at)) };
        match self.held.borrow().get(&slot.shift.plan.account) {
            None => {
                self.places.remove(&name);
                self.reports.remove(&name);
                return;
            }
            Some(holding) if !Arc::ptr_eq(holding, &slot.holding) => {
                slot.go_on_under(holding.clone());
                due = Some(Instant::now());
            }
            Some(_) => {}
        }
        if slot.lacks_metrics()
            && let Some(reading) = self.readings.get_mut(&slot.shift.plan.account)
        {
            reading.hurry();
        }
        if self.context.evidence.probes.lacks(&slot.shift, &slot.seen) {
            self.probes_at = self.probes_at.min(self.probed_at + METRICS_AT_MOST_EVERY);
        }
        self.places.insert(name, Place::Here { slot, due });
    }

    /// Shifts that come after one that has changed look at it again, at once if they are here.
    fn tell_those_after(&mut self, name: &str) {
        for place in self.places.values_mut() {
            if let Place::Here { slot, due } = place
                && slot.seen.others.remove(name).is_some()
            {
                *due = Some(Instant::now());
            }
        }
    }

    fn instant(&self, at: Timestamp) -> Instant {
        let ahead = at.duration_since(self.context.clock.now());
        Instant::now() + Duration::try_from(ahead).unwrap_or(Duration::ZERO).min(CLOCK_TRUSTED_FOR)
    }

    async fn stop(mut self) {
        let all = async { while self.rounds.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("some rounds did not end in time; they are picked up at the next start");
        }
    }
}
