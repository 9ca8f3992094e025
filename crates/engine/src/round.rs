//! A round: ask the core what follows, commit it, act on it, and ask again until there is nothing to do for now.

use std::{sync::Arc, time::Duration};

use crossfade_core::{
    ZoneId,
    decide::{Decision, Effect, Observation, Rules, decide_again},
    event::{Actor, Event, Happened},
    gate,
    report::Report,
    shift::{Phase, Purpose, Shift},
};
use crossfade_ports::{Accounts, Clock, Probes, Store, StoreError, Vitals, store::Head};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    Point, Probe, Settings, act::Acted, budget::Budgets, evidence::Evidence, slot::Slot, telling::tell,
};

/// What all rounds share.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) accounts: Accounts,
    pub(crate) probes: Arc<dyn Probes>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vitals: Vitals,
    pub(crate) settings: Settings,
    pub(crate) probe: Probe,
    /// The owner in fences.
    pub(crate) installation: String,
    pub(crate) budgets: Budgets,
    pub(crate) evidence: Evidence,
    /// The daemon is about to end.
    pub(crate) stopping: CancellationToken,
}

/// Enough for a step of a hundred zones; a round that needs more goes on in the next one.
const PASSES_MAX: usize = 300;

/// After something that passes: a store that did not answer, or a race that was lost.
const SOON: SignedDuration = SignedDuration::from_secs(1);

/// What became of a commit.
enum Committed {
    Done,
    /// Not recorded, but the shift is on its way down: acted on all the same.
    Unsaved,
    /// Somebody else committed first; the slot has their state.
    Reloaded,
    Failed,
    /// The account is another replica's.
    Lost,
}

impl Context {
    /// One round of a shift. Returns when there is nothing to do before [`Slot::wake`].
    pub(crate) async fn round(&self, slot: &mut Slot) {
        slot.wake = None;
        // What was done without the store is saved first: whoever has committed meanwhile is found then.
        if slot.stale && slot.unsaved.is_empty() && !self.reload(slot).await && slot.gone {
            slot.wake = Some(self.clock.now() + SOON);
            return;
        }
        if !slot.stale && matches!(self.read_back(slot).await, Acted::Outdated) && !self.reload(slot).await {
            slot.wake = Some(self.clock.now() + SOON);
            return;
        }
        for _ in 0..PASSES_MAX {
            if slot.holding.is_over() {
                // Whoever has the account now goes on from what the store has.
                return;
            }
            let now = self.clock.now();
            self.evidence.fill(slot);
            let Decision { happened, effects, wake, report } =
                decide_again(&slot.shift, &slot.seen, &self.rules(slot), now, &mut slot.memory);
            let tail = gate::tail(&slot.shift, &slot.seen.gates, now);
            slot.report = Report { tail, ..report };
            if !happened.is_empty() {
                match self.commit(slot, happened, now).await {
                    Committed::Done | Committed::Unsaved | Committed::Reloaded | Committed::Lost => continue,
                    Committed::Failed => {
                        slot.wake = Some(now + SOON);
                        return;
                    }
                }
            }
            if effects.is_empty() {
                slot.wake = wake.map(|(at, _)| at);
                self.save_what_is_left(slot).await;
                self.plan_read_back(slot, now);
                return;
            }
            // Behind what others have committed, a gate may still fail, and what follows is done. Nothing else is.
            if slot.stale && !is_going_down(&slot.shift) {
                slot.wake = Some(now + SOON);
                return;
            }
            match self.act_all(slot, effects).await {
                Acted::Done => {}
                Acted::Later(after) => {
                    slot.wake = Some(now + SignedDuration::try_from(after).unwrap_or(SOON));
                    return;
                }
                Acted::Doubted => {
                    slot.wake = Some(now + SOON);
                    return;
                }
                Acted::Outdated => {
                    if !self.reload(slot).await {
                        slot.wake = Some(now + SOON);
                        return;
                    }
                }
            }
        }
        slot.wake = Some(self.clock.now() + SOON);
    }

    async fn act_all(&self, slot: &mut Slot, mut effects: Vec<Effect>) -> Acted {
        oldest_first(&mut effects, &slot.seen);
        for effect in effects {
            match self.act(slot, effect).await {
                Acted::Done => {}
                stop @ (Acted::Later(_) | Acted::Doubted | Acted::Outdated) => return stop,
            }
        }
        Acted::Done
    }

    /// Records what happened to a shift, as the daemon's own doing.
    pub(crate) async fn record(&self, slot: &mut Slot, happened: Vec<Happened>) -> Acted {
        // What Route 53 answered can be found out again: the fence has it.
        let now = self.clock.now();
        match self.commit(slot, happened, now).await {
            Committed::Done | Committed::Unsaved => Acted::Done,
            // Somebody has paused or reverted: the rest of a step no longer follows.
            Committed::Reloaded => Acted::Outdated,
            Committed::Failed | Committed::Lost => {
                slot.forget_zones();
                if slot.stale { Acted::Outdated } else { Acted::Done }
            }
        }
    }

    async fn commit(&self, slot: &mut Slot, happened: Vec<Happened>, now: Timestamp) -> Committed {
        if happened.iter().any(|event| matches!(event, Happened::Intended { .. })) {
            self.probe.at(Point::BeforeIntent);
        }
        let (shift, events) = match slot.shift.after(happened, &Actor::daemon(), None, now) {
            Ok(next) => next,
            Err(error) => {
                // The core decided something that its own fold refuses: a defect, and nothing to act on.
                tracing::error!(shift.name = slot.shift.name, error = %error, "a decision does not follow from the state");
                return Committed::Failed;
            }
        };
        let down = is_going_down(&shift);
        if !down && !slot.holding.is_trusted() {
            return Committed::Failed;
        }
        let mut all = slot.unsaved.clone();
        all.extend(events.iter().cloned());
        if down && !slot.unsaved.is_empty() {
            // The store is asked again when the round has nothing left to do: each zone would wait for it.
            (slot.unsaved, slot.shift) = (all, shift);
            return Committed::Unsaved;
        }
        match self.store.commit(&slot.stored(), &shift, &all, None, Some(&slot.holding.lease)).await {
            Ok(()) => {
                self.store_answered();
                self.committed(&shift.name, &all);
                slot.seen.wrote_down(&events);
                slot.unsaved.clear();
                slot.stored.send_replace(Head::of(&shift));
                slot.shift = shift;
                Committed::Done
            }
            Err(StoreError::Conflict { .. } | StoreError::NotFound(_)) => {
                slot.stale = true;
                if self.reload(slot).await { Committed::Reloaded } else { Committed::Failed }
            }
            Err(StoreError::LeaseLost { .. }) => {
                slot.holding.lose();
                Committed::Lost
            }
            Err(error) => {
                self.store_failed(&error);
                if !down {
                    return Committed::Failed;
                }
                // Whatever keeps the store from recording it, a mistake or a row that is broken as well.
                (slot.unsaved, slot.shift) = (all, shift);
                Committed::Unsaved
            }
        }
    }

    /// Takes the store's state for the slot's. What was seen of the world stays seen.
    async fn reload(&self, slot: &mut Slot) -> bool {
        match self.store.load(&slot.shift.name).await {
            Ok(Some(stored)) => {
                slot.stored.send_replace(Head::of(&stored.shift));
                slot.shift = stored.shift;
                slot.unsaved.clear();
                slot.seen.trouble = None;
                slot.stale = false;
                true
            }
            Ok(None) => {
                if !std::mem::replace(&mut slot.gone, true) {
                    let name = &slot.shift.name;
                    tracing::error!(
                        shift.name = name,
                        "the store has lost this shift; its records stay as they are until `crossfade revert --direct`"
                    );
                }
                false
            }
            Err(error) => {
                self.store_failed(&error);
                false
            }
        }
    }

    /// Records what was done without the store, once it answers again.
    async fn save_what_is_left(&self, slot: &mut Slot) {
        if slot.unsaved.is_empty() {
            return;
        }
        let (before, lease) = (slot.stored(), &slot.holding.lease);
        match self.store.commit(&before, &slot.shift, &slot.unsaved, None, Some(lease)).await {
            Ok(()) => {
                self.store_answered();
                tracing::info!(shift.name = slot.shift.name, "what was done without the store is recorded");
                slot.stored.send_replace(Head::of(&slot.shift));
                self.committed(&slot.shift.name, &std::mem::take(&mut slot.unsaved));
            }
            Err(StoreError::Conflict { .. } | StoreError::NotFound(_)) => {
                // Somebody changed the shift meanwhile. Their state stands; the fence tells it what was done.
                slot.forget_zones();
                self.reload(slot).await;
                slot.wake = Some(self.clock.now());
            }
            // If this replica gets it back, it tries once more.
            Err(StoreError::LeaseLost { .. }) => slot.holding.lose(),
            Err(error) => {
                self.store_failed(&error);
                slot.wake = Some(self.clock.now() + SOON);
            }
        }
    }

    /// An idle shift's zones are read now and then, so that somebody else's edit is seen before the next step. Each is
    /// read in its turn, and one in a round: gates are judged in between, however long Route 53 takes. Without the budget
    /// there will be another time.
    async fn read_back(&self, slot: &mut Slot) -> Acted {
        let Some((due, zone)) = self.next_read_back(slot) else { return Acted::Done };
        if due > self.clock.now() || !self.budgets.turn(&slot.shift.plan.account, &mut slot.turn).is_zero() {
            return Acted::Done;
        }
        let acted = self.act(slot, Effect::Read { zone }).await;
        if matches!(acted, Acted::Done) {
            slot.turn = None;
        }
        acted
    }

    fn plan_read_back(&self, slot: &mut Slot, now: Timestamp) {
        let Some((mut due, _)) = self.next_read_back(slot) else { return };
        if due <= now {
            // One whose turn has come was not read because the budget is spent.
            let turn = self.budgets.turn(&slot.shift.plan.account, &mut slot.turn);
            let turn = SignedDuration::try_from(turn).unwrap_or(SOON);
            due = now + if turn.is_zero() { SOON } else { turn };
        } else {
            // A decision has read it meanwhile.
            slot.turn = None;
        }
        slot.wake = Some(slot.wake.map_or(due, |wake| wake.min(due)));
    }

    /// The zone that is to be read back next, and from when on.
    fn next_read_back(&self, slot: &Slot) -> Option<(Timestamp, ZoneId)> {
        if !is_watched(&slot.shift) {
            return None;
        }
        let (read, zone) = slot.oldest_read()?;
        let due = |read: Timestamp| read.saturating_add(self.read_back_every()).unwrap_or(Timestamp::MAX);
        Some((read.map_or(Timestamp::MIN, due), zone))
    }

    fn rules(&self, slot: &Slot) -> Rules {
        Rules {
            owner: self.installation.clone(),
            epoch: slot.holding.lease.epoch,
            propagation: SignedDuration::try_from(self.settings.propagation).unwrap_or(SignedDuration::MAX),
        }
    }

    fn read_back_every(&self) -> SignedDuration {
        SignedDuration::try_from(self.settings.read_back_every).unwrap_or(SignedDuration::MAX)
    }

    fn committed(&self, shift: &str, events: &[Event]) {
        for event in events {
            tell(shift, event);
            if let Some(point) = point_after(&event.what) {
                self.probe.at(point);
            }
        }
    }

    pub(crate) fn store_failed(&self, error: &StoreError) {
        let text = error.to_string();
        self.vitals.note(|signs| {
            if signs.store_error.is_none() {
                tracing::error!(error = %error, "the store failed");
            }
            signs.store_error = Some(text);
        });
    }

    pub(crate) fn store_answered(&self) {
        self.vitals.note(|signs| {
            if signs.store_error.take().is_some() {
                tracing::info!("the store answers again");
            }
        });
    }
}

/// The budget may not do for all zones at once. Whatever was read the longest ago is read first, because the next round
/// begins anew: the last zones of many would never have their turn.
pub(crate) fn oldest_first(effects: &mut [Effect], seen: &Observation) {
    effects.sort_by_key(|effect| match effect {
        Effect::Read { zone } => seen.zones.get(zone).map(|read| read.at),
        Effect::Ask { .. } | Effect::Submit { .. } | Effect::Look { .. } => None,
    });
}

/// The point that a commit of this event ends at.
fn point_after(what: &Happened) -> Option<Point> {
    if matches!(what, Happened::Intended { .. }) {
        Some(Point::IntentCommitted)
    } else if matches!(what, Happened::Accepted { .. }) {
        Some(Point::AcceptedCommitted)
    } else if matches!(what, Happened::InSync { .. }) {
        Some(Point::InSyncCommitted)
    } else if matches!(what, Happened::Confirmed { .. }) {
        Some(Point::ConfirmedCommitted)
    } else {
        None
    }
}

/// Whether somebody else's edit of the zone would matter, and nothing else is being read anyway. What is probed is what
/// the zone has, before the baseline was taken as well.
pub(crate) fn is_watched(shift: &Shift) -> bool {
    let matters = || shift.baseline.is_some() || shift.plan.gates.iter().any(|gate| gate.probe().is_some());
    shift.next_step().is_some() && shift.write.is_none() && matters()
}

/// Whether the shift's open write leads down, so that it is held up neither by a store that does not answer nor by the
/// doubt about the lease that comes with it.
pub(crate) fn is_going_down(shift: &Shift) -> bool {
    let purpose = shift.write.as_ref().map(|write| write.purpose);
    matches!(purpose, Some(Purpose::Revert | Purpose::StepBack { .. }))
        || matches!(shift.phase, Phase::Reverting { .. })
        || (matches!(shift.phase, Phase::Reverted { .. }) && purpose.is_none())
}

/// How long nothing is asked of an account whose budget is spent.
pub(crate) fn at_least(wait: Duration) -> Duration {
    wait.max(Duration::from_millis(50))
}
