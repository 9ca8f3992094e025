//! The holds that come and go with what is seen. Those that a person placed are not touched here.

use crate::{
    calendar,
    event::{Actor, Happened},
    gate::{Code, Verdict},
    shift::{Asked, Cause, Hold},
};

use super::Look;

impl Look<'_> {
    /// The events that bring the remembered holds in line with what is seen.
    pub(super) fn changed_holds(&self, next: usize) -> Vec<Happened> {
        let wanted = self.wanted_holds(next);
        let remembered = &self.shift.holds;
        let ended = remembered
            .values()
            .filter(|hold| !hold.until_resumed && !wanted.iter().any(|wanted| wanted.cause == hold.cause))
            .map(|hold| Happened::HoldEnded { hold: hold.clone() });
        let began = wanted
            .iter()
            // A hold that only a person ends takes the place of one that would end by itself.
            .filter(|hold| {
                remembered.get(&hold.cause).is_none_or(|old| hold.until_resumed && !old.until_resumed)
            })
            .map(|hold| Happened::HoldBegan { hold: hold.clone() });
        ended.chain(began).collect()
    }

    fn wanted_holds(&self, next: usize) -> Vec<Hold> {
        let mut holds = Vec::new();
        self.zone_holds(&mut holds);
        // Whoever goes down asks neither metrics nor the calendar.
        if self.shift.next_step().is_some() {
            self.gate_holds(&mut holds);
            self.calendar_holds(next, &mut holds);
        }
        holds
    }

    fn zone_holds(&self, holds: &mut Vec<Hold>) {
        let drift = &self.compared.drift;
        if !drift.is_empty() {
            holds.push(self.hold(
                Cause::Drift,
                "drift",
                format!("somebody else changed the zone: {}", drift.join("; ")),
            ));
        } else if let Some(hold) = self.shift.holds.get(&Cause::Drift)
            && !self.all_read()
        {
            // What was seen to drift has not been seen to be mended.
            holds.push(hold.clone());
        }
        let unread = self.shift.zone_ids().find_map(|zone| {
            let why = self.seen.zones.get(zone)?.listed.as_ref().err()?;
            Some(format!("zone {zone} could not be read: {why}"))
        });
        if let Some(sentence) = unread.or_else(|| self.seen.trouble.as_ref().map(|t| t.sentence.clone())) {
            holds.push(self.hold(Cause::Fault, "route53", sentence));
        }
        if let Some((cause, code, sentence)) = &self.compared.unfit {
            holds.push(self.hold(*cause, code, sentence.clone()));
        }
    }

    fn gate_holds(&self, holds: &mut Vec<Hold>) {
        for report in self.gates.iter().filter(|report| report.stands(Verdict::Hold)) {
            let cause = if report.code == "no_data" { Cause::NoData } else { Cause::Gate };
            let mut hold =
                self.hold(cause, &report.code, format!("gate {}: {}", report.name, report.sentence));
            // Enough time was given; more of it needs a person's consent.
            hold.until_resumed = report.code == Code::Stalled.as_str();
            holds.push(hold);
        }
    }

    fn calendar_holds(&self, next: usize, holds: &mut Vec<Hold>) {
        if next < self.shift.plan.ramp.steps.len()
            && let Some(closed) = calendar::closed(&self.shift.plan, self.now)
        {
            holds.push(self.hold(Cause::Calendar, "closed", closed.sentence));
        }
        // Whoever asks to advance waives the hold time, not the approval.
        let advance = matches!(self.shift.asked, Some(Asked::Advance { .. }));
        if let Some(step) = self.shift.plan.step(next)
            && step.approval
            && self.shift.approved != Some(next)
            && (self.shift.moved_at.is_none() || advance || self.observed_long_enough(next))
        {
            let sentence = format!("step {} ({}) waits for somebody's approval", next + 1, step.share);
            holds.push(self.hold(Cause::Approval, "approval", sentence));
        }
    }

    pub(super) fn hold(&self, cause: Cause, code: &str, sentence: String) -> Hold {
        Hold {
            cause,
            code: code.to_owned(),
            since: self.now,
            by: Actor::daemon().0,
            reason: None,
            sentence,
            until_resumed: false,
        }
    }
}
