//! A plan played through in virtual time, on the decision code of the daemon.
//!
//! Everything around it is made up, and without chance: zones that do as they are told (`zones`), resolvers that
//! forget after a TTL and traffic in its expected numbers (`traffic`), people who approve after a while, and what the
//! caller lets go wrong. What the gates, the calendar and the life of a shift make of that is their own.
//!
//! It is for looking ahead: noise, faults of the daemon and of Route 53 are not in it.

#[cfg(test)]
mod tests;
mod traffic;
mod zones;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::{traffic::Traffic, zones::Zones};
use crate::{
    GroupKey, RecordName, Share, ZoneId,
    decide::{Effect, Observation, Other, Progress, Rules, ZoneRead, decide},
    event::{Actor, Event, Happened},
    plan::Plan,
    shift::{Cause, Command, Phase, Shift, TransitionError, command, create},
};

pub use self::traffic::Interval;

/// What the rehearsal takes for given. Rates are ratios.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub begins: Timestamp,
    /// Of the records.
    pub ttl: SignedDuration,
    /// Of both sides together.
    pub requests_per_minute: f64,
    pub usual_errors_from: f64,
    pub usual_errors_to: f64,
    /// How long a step waits for its approval; for ever where there is none.
    pub approved_after: Option<SignedDuration>,
    pub incidents: Vec<Incident>,
    pub orders: Vec<Order>,
    /// The rehearsal ends by then, whatever state the shift is in.
    pub ends_after: SignedDuration,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    pub begins: Moment,
    /// For ever where there is none.
    pub lasts: Option<SignedDuration>,
    pub what: Trouble,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// So many of the requests of the `to` side fail.
    ErrorsOfTo(f64),
    /// So many of the requests of the `from` side fail.
    ErrorsOfFrom(f64),
    /// The metrics show nothing new.
    NoMetrics,
    /// No request reaches the `to` side: its share is lost.
    Unreachable,
    /// Resolvers keep the answers that they have.
    Pinned,
}

/// What a person asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub at: Moment,
    pub verb: Command,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    At(Timestamp),
    /// After the beginning.
    After(SignedDuration),
    /// Once this share has been set.
    Reached(Share),
}

/// What happened in a rehearsal.
#[derive(Clone, Debug, Serialize)]
pub struct Timeline {
    pub events: Vec<Event>,
    /// Orders that the shift refused, and why.
    pub refused: Vec<(Timestamp, String)>,
    /// The traffic, as finely as the metrics show it; long waits in which nothing was looked at may be missing.
    pub traffic: Vec<Interval>,
    /// Where the shift stood at the end.
    pub phase: String,
    pub share: Share,
    /// When the last thing happened, or when the rehearsal was broken off.
    pub ended_at: Timestamp,
    /// Why nothing follows, where the shift has not ended.
    pub waits_for: Option<String>,
    /// Requests that failed on the `to` side beyond what is usual there.
    pub failed: f64,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting {
            begins: Timestamp::UNIX_EPOCH,
            ttl: SignedDuration::from_secs(60),
            requests_per_minute: 1_000.0,
            usual_errors_from: 0.001,
            usual_errors_to: 0.001,
            approved_after: Some(SignedDuration::ZERO),
            incidents: Vec::new(),
            orders: Vec::new(),
            ends_after: SignedDuration::from_hours(90 * 24),
        }
    }
}

/// Between two looks at the metrics.
const METRICS_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// More decisions at one instant are a circle.
const MOST_PASSES: usize = 300;

/// Why a plan could not be played through: the core refuses it, or contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum Unplayable {
    #[error(transparent)]
    Refused(#[from] TransitionError),
    #[error("at {at}, on the way to {share}, {MOST_PASSES} decisions in a row came to no end")]
    Endless { at: Timestamp, share: Share },
}

/// Plays the plan through.
pub fn rehearse(plan: &Plan, setting: &Setting) -> Result<Timeline, Unplayable> {
    within(plan, setting, MOST_PASSES)
}

fn within(plan: &Plan, setting: &Setting, passes: usize) -> Result<Timeline, Unplayable> {
    let groups = groups(plan);
    let zones = Zones::of(plan, &groups, setting.ttl);
    let (shift, events) = create(plan.clone(), groups, &person(), None, setting.begins)?;
    let traffic = Traffic::new(setting, &shift);
    let mut stage = Stage {
        setting,
        now: setting.begins,
        zones,
        traffic,
        shift,
        events,
        seen: Observation::default(),
        reached: BTreeMap::new(),
        ordered: vec![false; setting.orders.len()],
        refused: Vec::new(),
        wake: None,
        passes,
    };
    stage.play()?;
    Ok(stage.timeline())
}

struct Stage<'a> {
    setting: &'a Setting,
    now: Timestamp,
    zones: Zones,
    traffic: Traffic,
    shift: Shift,
    events: Vec<Event>,
    seen: Observation,
    /// When a share was first set.
    reached: BTreeMap<Share, Timestamp>,
    ordered: Vec<bool>,
    refused: Vec<(Timestamp, String)>,
    wake: Option<Timestamp>,
    /// Decisions that there may be at one instant.
    passes: usize,
}

impl Stage<'_> {
    fn play(&mut self) -> Result<(), Unplayable> {
        let last = self.setting.begins + self.setting.ends_after;
        if self.shift.plan.start().is_none() {
            self.ask(Command::Start)?;
        }
        loop {
            self.people()?;
            self.look();
            self.settle()?;
            let Some(next) = self.next() else { return Ok(()) };
            if next > last {
                return Ok(());
            }
            self.traffic.pass(self.setting, next);
            self.now = next;
        }
    }

    /// When something can happen next; `None` if nothing ever will.
    fn next(&self) -> Option<Timestamp> {
        let soon = self.now + SignedDuration::from_secs(1);
        let metrics = self.is_looked_after().then(|| self.now + METRICS_EVERY);
        let orders = self.setting.orders.iter().zip(&self.ordered).filter(|(_, done)| !**done);
        let orders = orders.filter_map(|(order, _)| self.instant(order.at));
        let approval = self.approval_due();
        let next = [self.wake, metrics, approval].into_iter().flatten().chain(orders).min();
        next.filter(|_| self.shift.is_active() || self.has_orders()).map(|next| next.max(soon))
    }

    fn has_orders(&self) -> bool {
        let left = self.setting.orders.iter().zip(&self.ordered).filter(|(_, done)| !**done);
        left.map(|(order, _)| order.at).any(|at| self.instant(at).is_some())
    }

    /// Whether metrics are read for it. A shift that waits for its start, or for a person who never comes, is not.
    fn is_looked_after(&self) -> bool {
        let waits = self.shift.holds.values().all(|hold| hold.cause == Cause::Approval || hold.until_resumed);
        let forever = waits && !self.shift.holds.is_empty() && self.approval_due().is_none();
        let troubled = !self.setting.incidents.is_empty() || self.has_orders();
        matches!(self.shift.phase, Phase::Running { .. }) && (troubled || !forever)
    }

    fn approval_due(&self) -> Option<Timestamp> {
        let hold = self.shift.holds.get(&Cause::Approval).filter(|hold| !hold.until_resumed)?;
        hold.since.checked_add(self.setting.approved_after?).ok()
    }

    fn people(&mut self) -> Result<(), TransitionError> {
        if self.approval_due().is_some_and(|due| due <= self.now) {
            self.ask(Command::Approve)?;
        }
        for index in 0..self.setting.orders.len() {
            let Some(order) = self.setting.orders.get(index) else { continue };
            let due = self.instant(order.at).is_some_and(|at| at <= self.now);
            let Some(done) = self.ordered.get_mut(index).filter(|done| due && !**done) else { continue };
            *done = true;
            if let Err(refusal) = self.ask(order.verb) {
                self.refused.push((self.now, refusal.to_string()));
            }
        }
        Ok(())
    }

    fn ask(&mut self, verb: Command) -> Result<(), TransitionError> {
        let (shift, events) = command(&self.shift, verb, &person(), None, self.now)?;
        self.commit(shift, events);
        Ok(())
    }

    /// What a daemon reads each minute.
    fn look(&mut self) {
        if self.shift.write.is_none() && self.shift.has_written() {
            self.shift.zones().into_iter().for_each(|zone| self.read(zone));
        }
        self.traffic.incidents(self.setting, self.now, &self.reached);
        self.seen.gates = self.traffic.answers(&self.shift, self.now);
    }

    /// Decides, commits and acts until there is nothing to do now.
    fn settle(&mut self) -> Result<(), Unplayable> {
        let rules =
            Rules { owner: "rehearsal".to_owned(), epoch: 1, propagation: SignedDuration::from_secs(60) };
        for _ in 0..self.passes {
            let decision = decide(&self.shift, &self.seen, &rules, self.now);
            self.wake = decision.wake.map(|(at, _)| at);
            if !decision.happened.is_empty() {
                self.happen(decision.happened)?;
            } else if decision.effects.is_empty() {
                return Ok(());
            }
            for effect in decision.effects {
                self.act(effect)?;
            }
        }
        Err(Unplayable::Endless { at: self.now, share: self.shift.wanted })
    }

    fn act(&mut self, effect: Effect) -> Result<(), TransitionError> {
        match effect {
            Effect::Read { zone } => self.read(zone),
            Effect::Ask { change } => {
                let read = self.zones.ask(&change, self.now);
                self.seen.changes.insert(change, read);
            }
            // Whoever plays a plan through plays this one, and takes those before it for done.
            Effect::Look { shift } => {
                let phase = Phase::Completed { at: self.setting.begins, finalized: false };
                let found = Some(Progress { phase, share: Share::ALL });
                self.seen.others.insert(shift, Other { at: self.now, found });
            }
            Effect::Submit { generation, batch } => {
                self.seen.zones.clear();
                let zone = batch.zone.clone();
                let happened = match self.zones.submit(&batch, self.now) {
                    Some(change) => vec![Happened::Accepted { generation, zone, change: Some(change) }],
                    None => {
                        let error = "the values do not match".to_owned();
                        vec![Happened::Refused { generation, zone, error }]
                    }
                };
                self.happen(happened)?;
                let share = self.zones.share(&self.shift);
                self.reached.entry(share).or_insert(self.now);
                self.traffic.turn(share, self.now);
            }
        }
        Ok(())
    }

    fn read(&mut self, zone: ZoneId) {
        let listed = Ok(self.zones.list(&zone));
        self.seen.saw(&self.shift, zone, ZoneRead { at: self.now, listed });
    }

    fn happen(&mut self, happened: Vec<Happened>) -> Result<(), TransitionError> {
        let (shift, events) = self.shift.after(happened, &Actor::daemon(), None, self.now)?;
        self.seen.wrote_down(&events);
        self.commit(shift, events);
        Ok(())
    }

    fn commit(&mut self, shift: Shift, events: Vec<Event>) {
        self.shift = shift;
        self.events.extend(events);
    }

    fn instant(&self, moment: Moment) -> Option<Timestamp> {
        instant(moment, self.setting.begins, &self.reached)
    }

    fn timeline(self) -> Timeline {
        let (traffic, failed) = self.traffic.into_parts(self.setting.begins);
        // An order that comes after the end changes nothing.
        let last = self.events.last().filter(|_| !self.shift.is_active()).map(|event| event.at);
        let ended_at = last.unwrap_or(self.now);
        let waits = self.shift.holds.values().next().map(|hold| hold.sentence.clone());
        Timeline {
            events: self.events,
            refused: self.refused,
            traffic,
            phase: self.shift.phase.as_str().to_owned(),
            share: self.shift.landed,
            ended_at,
            waits_for: waits.filter(|_| self.shift.is_active()),
            failed,
        }
    }
}

/// When it is, if that is known yet.
fn instant(moment: Moment, begins: Timestamp, reached: &BTreeMap<Share, Timestamp>) -> Option<Timestamp> {
    match moment {
        Moment::At(at) => Some(at),
        Moment::After(span) => begins.checked_add(span).ok(),
        Moment::Reached(share) => reached.range(share..).map(|(_, at)| *at).min(),
    }
}

/// The plan's record groups, with its words for the zones taken for their ids.
fn groups(plan: &Plan) -> Vec<GroupKey> {
    let of = |records: &crate::plan::Records| {
        let (zone, name) = (ZoneId::new(&records.zone), RecordName::new(&records.name));
        let group = |record_type| GroupKey { zone: zone.clone(), name: name.clone(), record_type };
        records.types.iter().copied().map(group).collect::<Vec<_>>()
    };
    plan.records.iter().flat_map(of).collect()
}

fn person() -> Actor {
    Actor("operator".to_owned())
}
