//! People: they start, pause, resume, revert, change their minds, and contradict each other.

use std::sync::Arc;

use crossfade_core::{
    event::{Actor, Event},
    plan::{Edge, Format, Freeze, Plan, parse},
    shift::{Command, Shift, command, revise},
};

use jiff::tz::TimeZone;

use super::{Due, Sim, stamp, store::Refusal, watch::Grounds, world};

const HOUR: i64 = 3_600_000;

/// How often each verb is tried, of those that are possible.
const TASTE: [(Command, u64); 13] = [
    (Command::Start, 60),
    (Command::Pause { freeze: false }, 10),
    (Command::Pause { freeze: true }, 4),
    (Command::Resume, 40),
    (Command::Advance, 12),
    (Command::Approve, 40),
    (Command::StepBack, 8),
    (Command::Revert, 5),
    (Command::Cancel, 2),
    (Command::Retry, 25),
    (Command::Adopt, 20),
    (Command::Reassert, 25),
    (Command::Finalize, 6),
];

impl Sim {
    /// Somebody comes along and does something that is possible.
    pub(crate) fn somebody(&mut self) {
        if !self.swarm.on {
            return;
        }
        let gap = self.random.gap(self.people_gap);
        self.at(self.now + gap, Due::Person);
        if self.store.is_down(self.now) {
            return;
        }
        if !self.store.shift.holds_records() && !self.store.shift.is_active() {
            return self.apply_anew();
        }
        if self.random.chance(0.06) && self.revise() {
            return;
        }
        // Whoever waits for days looks more often than they do something.
        if self.random.chance(self.pace.looks_on(&self.store.shift)) {
            return;
        }
        let possible = self.store.shift.possible();
        let options: Vec<(Command, u64)> =
            TASTE.into_iter().filter(|(command, _)| possible.contains(&command.verb())).collect();
        let mut roll = self.random.below(options.iter().map(|(_, taste)| taste).sum::<u64>());
        for (command, taste) in options {
            if roll < taste {
                self.ask(command, "a person");
                return;
            }
            roll -= taste;
        }
    }

    /// A person's verb. `false` when it was refused or could not be recorded.
    pub(crate) fn ask(&mut self, verb: Command, who: &str) -> bool {
        let now = self.now;
        let before = self.store.shift.clone();
        let actor = Actor(who.replace(' ', "-"));
        let Ok((shift, events)) = command(&before, verb, &actor, Some("because".to_owned()), stamp(now))
        else {
            return false;
        };
        if !self.commit_of_person(&before, shift, &events) {
            return false;
        }
        self.note(|| {
            format!(
                "{who}: {}{}",
                verb.verb(),
                if verb == (Command::Pause { freeze: true }) { " --freeze" } else { "" }
            )
        });
        *self.tally.verbs.entry(verb.verb()).or_default() += 1;
        self.remember_commit(Grounds::default(), before, events, true);
        self.announce(None);
        true
    }

    fn commit_of_person(&mut self, before: &Shift, shift: Shift, events: &[Event]) -> bool {
        let shift = Arc::new(shift);
        let done = self.store.commit(self.now, before, &shift, events, None);
        if let Err(Refusal::Down | Refusal::LeaseLost | Refusal::Conflict) = done {
            return false;
        }
        self.went(before, &shift);
        true
    }

    /// Somebody changes the plan of a shift that is under way: other steps, other times, other gates.
    fn revise(&mut self) -> bool {
        let moved = world::moved(&self.store.shift, self.ttl);
        let text = self.pace.plan(&mut self.random, &self.health, self.plans, &moved, self.now);
        match parse(&text, Format::Yaml) {
            Ok(plan) => self.apply(plan),
            Err(mistakes) => {
                self.defect = Some(format!("the plan of the simulation is refused: {mistakes}"));
                false
            }
        }
    }

    /// Somebody applies a changed plan. `false` when there was nothing to change, or it could not be recorded.
    fn apply(&mut self, plan: Plan) -> bool {
        let before = self.store.shift.clone();
        let actor = Actor("a-person".to_owned());
        let revised =
            revise(&before, plan, &before.groups, &actor, Some("because".to_owned()), stamp(self.now));
        let Ok(Some((shift, events))) = revised else { return false };
        if !self.commit_of_person(&before, shift, &events) {
            return false;
        }
        self.note(|| "a person: apply a changed plan".to_owned());
        *self.tally.verbs.entry("revise").or_default() += 1;
        self.remember_commit(Grounds::default(), before, events, true);
        self.announce(None);
        true
    }

    /// A step does not get through, or nothing did for a while, and somebody who saw that pauses, closes the calendar, or
    /// gives the records up.
    pub(crate) fn alarmed(&mut self) {
        if !self.swarm.on || self.store.is_down(self.now) {
            return;
        }
        match self.random.below(10) {
            0..5 => drop(self.ask(Command::Pause { freeze: false }, "a person")),
            5..9 => self.close_the_calendar(),
            _ => drop(self.ask(Command::Cancel, "a person")),
        }
    }

    fn close_the_calendar(&mut self) {
        let edge = |at: i64| Edge::Instant(stamp(at).to_zoned(TimeZone::UTC));
        let reason = "something is wrong".to_owned();
        let ends = self.now + self.random.between(HOUR / 4, 8 * HOUR);
        let freeze = Freeze { from: edge(self.now), to: edge(ends), reason };
        let mut plan = self.store.shift.plan.clone();
        plan.schedule.get_or_insert_default().freezes.push(freeze);
        self.apply(plan);
    }

    /// The records belong to nobody: another plan for them.
    pub(crate) fn apply_anew(&mut self) {
        self.plans += 1;
        // Somebody has put the records back to where a plan begins, and forgotten about fences.
        self.clear_zone(false);
        let moved = world::moved(&self.store.shift, self.ttl);
        let text = self.pace.plan(&mut self.random, &self.health, self.plans, &moved, self.now);
        let Some((shift, events)) = world::create(&text, &self.store.shift.groups.clone(), stamp(self.now))
        else {
            self.defect = Some(format!("the plan of the simulation is refused: {text}"));
            return;
        };
        self.note(|| format!("a person: apply {}", shift.name));
        self.store.create(self.now, shift, events);
        self.checked = 0;
        self.announce(None);
    }
}
