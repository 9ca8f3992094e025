//! Effects: what is done to the world, once it is written down.

use std::time::Duration;

use crossfade_core::{
    ZoneId,
    batch::Batch,
    decide::{ChangeRead, ChangeState, Effect, Other, Trouble, ZoneRead},
    event::{ChangeId, Happened},
    shift::{Phase, Purpose, Shift},
};
use crossfade_ports::{Account, SubmitError, ZonesError, zones::ChangeStatus};
use futures::FutureExt as _;
use tokio::time::Instant;

use crate::{
    Point, guard,
    round::{Context, at_least, is_going_down},
    slot::Slot,
};

/// After a store that did not say how far another shift is.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(crate) enum Acted {
    Done,
    /// The account's budget is spent for this long.
    Later(Duration),
    /// The lease is not trusted any more.
    Doubted,
    /// The store has a newer state: what was going to be done may no longer follow.
    Outdated,
}

impl Context {
    pub(crate) async fn act(&self, slot: &mut Slot, effect: Effect) -> Acted {
        let name = slot.shift.plan.account.clone();
        let Some(account) = self.accounts.get(&name).cloned() else {
            slot.seen.trouble = Some(Trouble {
                at: self.clock.now(),
                sentence: format!("the configuration has no account {name}"),
            });
            return Acted::Later(Duration::from_secs(5));
        };
        // A batch that is on its way is not called back: what is known by now comes first.
        if slot.outdated.notified().now_or_never().is_some() {
            return Acted::Outdated;
        }
        if !guard::permits(slot, &effect) {
            return Acted::Doubted;
        }
        // A revert has the rest of the account's budget for itself.
        // The budget is for AWS.
        if !is_urgent(&slot.shift)
            && !matches!(effect, Effect::Look { .. })
            && let Err(wait) = self.budgets.take(&name)
        {
            return Acted::Later(at_least(wait));
        }
        match effect {
            Effect::Read { zone } => self.read(slot, &account, zone).await,
            Effect::Ask { change } => self.ask(slot, &account, change).await,
            Effect::Submit { generation, batch } => self.submit(slot, &account, generation, batch).await,
            Effect::Look { shift } => self.look(slot, shift).await,
        }
    }

    /// How far another shift has come, in whichever account it is.
    async fn look(&self, slot: &mut Slot, name: String) -> Acted {
        let at = self.clock.now();
        match self.store.load(&name).await {
            Ok(stored) => {
                self.store_answered();
                let other = Other::new(stored.as_ref().map(|stored| &stored.shift), at);
                slot.seen.others.insert(name, other);
                Acted::Done
            }
            Err(error) => {
                self.store_failed(&error);
                Acted::Later(LOOK_AGAIN_AFTER)
            }
        }
    }

    /// Reads a zone, unless the shift's state changes while Route 53 takes its time.
    async fn read(&self, slot: &mut Slot, account: &Account, zone: ZoneId) -> Acted {
        let mut names = slot.shift.names(&zone);
        names.extend(names.clone().iter().map(crossfade_core::RecordName::fence));
        // The time before the call: whatever changed later may be missing from the answer.
        let (at, began) = (self.clock.now(), Instant::now());
        let outdated = slot.outdated.clone();
        let answer = tokio::select! {
            answer = account.zones.read(&zone, &names) => answer,
            () = outdated.notified() => return Acted::Outdated,
            () = self.gives_up(slot) => return Acted::Doubted,
        };
        note(slot, began, matches!(answer, Err(ZonesError::Unavailable(_))));
        let answer = match answer {
            // With the zone everything has gone that there was to give up.
            Err(ZonesError::NoSuchZone(_)) if slot.shift.is_given_up() => Ok(Vec::new()),
            answer => answer,
        };
        let listed = answer.map_err(|error| {
            tracing::warn!(shift.name = slot.shift.name, zone.id = %zone, error = %error, "a zone could not be read");
            error.to_string()
        });
        if listed.is_ok() {
            self.vitals.note(|signs| signs.read_back = Some(at));
        }
        let epoch = listed.as_ref().ok().and_then(|sets| guard::newest_epoch(sets, &self.installation));
        slot.seen.saw(&slot.shift, zone, ZoneRead { at, listed });
        if epoch.is_none_or(|epoch| slot.holding.outranks(epoch)) { Acted::Done } else { Acted::Doubted }
    }

    /// Asks for a change, unless the shift's state changes meanwhile.
    async fn ask(&self, slot: &mut Slot, account: &Account, change: ChangeId) -> Acted {
        let began = Instant::now();
        let outdated = slot.outdated.clone();
        let answer = tokio::select! {
            answer = account.zones.change(&change) => answer,
            () = outdated.notified() => return Acted::Outdated,
            () = self.gives_up(slot) => return Acted::Doubted,
        };
        note(slot, began, matches!(answer, Err(ZonesError::Unavailable(_))));
        let state = match answer {
            Ok(ChangeStatus::InSync) => ChangeState::InSync,
            Ok(ChangeStatus::Pending) => ChangeState::Pending,
            // Whoever may not ask gives it time.
            Err(ZonesError::NoSuchChange(_) | ZonesError::Denied(_)) => ChangeState::Unknown,
            Err(error) => {
                tracing::warn!(shift.name = slot.shift.name, change.id = change.0, error = %error, "a change could not be followed");
                ChangeState::Pending
            }
        };
        if state == ChangeState::InSync {
            // What is read back has to be read after this.
            slot.forget_zones();
        }
        slot.seen.changes.insert(change, ChangeRead { at: self.clock.now(), state });
        Acted::Done
    }

    /// Returns when the answer to a question is waited for no longer: when the lease is in doubt, or when the daemon is about
    /// to end. Whoever has the account next can ask again, and may not have it before. What leads down needs its answers.
    async fn gives_up(&self, slot: &Slot) {
        tokio::select! {
            () = guard::ends(slot) => {}
            () = self.stopping.cancelled(), if !is_going_down(&slot.shift) => {}
        }
    }

    async fn submit(&self, slot: &mut Slot, account: &Account, generation: u64, batch: Batch) -> Acted {
        // Until what becomes of it is written down.
        let (answered, began) = (slot.seen.answered.take(), Instant::now());
        let answer = tokio::select! {
            answer = account.zones.submit(&batch) => answer,
            () = guard::ends(slot) => {
                // It may have been sent: the fence will tell whoever comes next.
                slot.forget_zones();
                return Acted::Doubted;
            }
        };
        note(slot, began, matches!(answer, Err(SubmitError::Unanswered(_) | SubmitError::NotSent(_))));
        self.probe.at(Point::Answered);
        // Whatever was read before is no longer how the zone looks, or not known to be.
        slot.forget_zones();
        let zone = batch.zone;
        metrics::counter!("crossfade_batches_total", "outcome" => outcome(&answer)).increment(1);
        let happened = match answer {
            Ok(change) => {
                tracing::info!(shift.name = slot.shift.name, zone.id = %zone, write.generation = generation, change.id = change.0, "a batch was applied");
                slot.seen.trouble = None;
                vec![Happened::Accepted { generation, zone, change: Some(change) }]
            }
            Err(error) => {
                tracing::warn!(shift.name = slot.shift.name, zone.id = %zone, write.generation = generation, error = %error, "a batch was not acknowledged");
                let text = error.to_string();
                match error {
                    SubmitError::Refused(_) => vec![Happened::Refused { generation, zone, error: text }],
                    SubmitError::Unanswered(_) => {
                        vec![Happened::Unanswered { generation, zone, error: text }]
                    }
                    SubmitError::Denied(_)
                    | SubmitError::NoSuchZone(_)
                    | SubmitError::Throttled(_)
                    | SubmitError::Busy(_)
                    | SubmitError::NotSent(_) => {
                        let sentence = format!("zone {zone} could not be written: {text}");
                        slot.seen.trouble = Some(Trouble { at: self.clock.now(), sentence });
                        slot.seen.answered = answered;
                        return Acted::Done;
                    }
                }
            }
        };
        self.record(slot, happened).await
    }
}

/// Whether Route 53 answers is the account's affair, not only the shift's.
fn note(slot: &Slot, began: Instant, silent: bool) {
    if silent { slot.holding.unanswered(began) } else { slot.holding.answered() }
}

/// Whether the shift is on its way down.
pub(crate) fn is_urgent(shift: &Shift) -> bool {
    matches!(shift.phase, Phase::Reverting { .. })
        || shift.write.as_ref().is_some_and(|write| matches!(write.purpose, Purpose::StepBack { .. }))
}

fn outcome(answer: &Result<ChangeId, SubmitError>) -> &'static str {
    match answer {
        Ok(_) => "applied",
        Err(SubmitError::Refused(_)) => "refused",
        Err(SubmitError::Denied(_)) => "denied",
        Err(SubmitError::NoSuchZone(_)) => "no_such_zone",
        Err(SubmitError::Throttled(_)) => "throttled",
        Err(SubmitError::Busy(_)) => "busy",
        Err(SubmitError::Unanswered(_)) => "unanswered",
        Err(SubmitError::NotSent(_)) => "not_sent",
    }
}
