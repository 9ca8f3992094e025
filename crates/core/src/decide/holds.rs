//! The holds that come and go with what is seen. Those that a person placed are not touched here.

use jiff::SignedDuration;

use crate::{
    event::{Actor, Happened},
    gate::{Code, Verdict},
    shift::{Cause, Hold},
};

use super::Look;

/// A hold's sentence follows its reason this often. The report has the gates' newest sentences meanwhile.
const REWORDED_EVERY: SignedDuration = SignedDuration::from_secs(60);

impl Look<'_> {
    /// The events that bring the remembered holds in line with what is seen.
    pub(super) fn changed_holds(&self, next: usize) -> Vec<Happened> {
        let wanted = self.wanted_holds(next);
        let remembered = &self.shift.holds;
        let rested = self.shift.held_at.is_none_or(|at| at + REWORDED_EVERY <= self.now);
        let is_over =
            |hold: &&Hold| !hold.until_resumed && !wanted.iter().any(|wanted| wanted.cause == hold.cause);
        let ended = remembered.values().filter(is_over);
        let ended: Vec<_> = ended.map(|hold| Happened::HoldEnded { hold: hold.clone() }).collect();
        let began = wanted.into_iter().filter_map(|hold| {
            let Some(old) = remembered.get(&hold.cause) else { return Some(hold) };
            let other = match (old.until_resumed, hold.until_resumed) {
                // A hold that only a person ends takes the place of one that would end by itself.
                (false, true) => true,
                (true, false) => false,
                (true, true) => old.code == hold.code && rested && differs(&old.sentence, &hold.sentence),
                (false, false) => {
                    let reworded = if of_time(&hold) {
                        old.sentence != hold.sentence
                    } else {
                        rested && differs(&old.sentence, &hold.sentence)
                    };
                    old.code != hold.code || reworded
                }
            };
            // The same hold for another reason.
            other.then_some(Hold { since: old.since, ..hold })
        });
        ended.into_iter().chain(began.map(|hold| Happened::HoldBegan { hold })).collect()
    }

    fn wanted_holds(&self, next: usize) -> Vec<Hold> {
        let mut holds = Vec::new();
        self.zone_holds(&mut holds);
        // Whoever goes down asks neither metrics nor the calendar.
        if self.shift.next_step().is_some() {
            self.gate_holds(&mut holds);
            self.calendar_holds(next, &mut holds);
        }
        // One for each cause: what only a person ends, or else the first.
        let mut foremost: Vec<Hold> = Vec::new();
        for hold in holds {
            match foremost.iter_mut().find(|other| other.cause == hold.cause) {
                Some(other) if hold.until_resumed && !other.until_resumed => *other = hold,
                Some(_) => {}
                None => foremost.push(hold),
            }
        }
        foremost
    }

    fn zone_holds(&self, holds: &mut Vec<Hold>) {
        let drift = &self.compared.drift;
        if !drift.is_empty() {
            let mut sentence = format!("somebody else changed the zone: {}", drift.join("; "));
            if let Some(apart) = self.apart(&self.found()) {
                sentence = format!("{sentence}; {apart}");
            }
            holds.push(self.hold(Cause::Drift, "drift", sentence));
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
        if let Some(sentence) = &self.derived.lowered {
            holds.push(self.hold(Cause::Dependency, "lowers", sentence.clone()));
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

/// Whether two sentences differ in more than their numbers, times, and the identifiers of requests.
fn differs(one: &str, other: &str) -> bool {
    const IDENTIFIER: usize = 16;
    fn words(sentence: &str) -> impl Iterator<Item = &str> {
        sentence.split_whitespace().filter(|word| {
            let mut characters = word.chars().filter(|c| c.is_alphanumeric());
            let is_number = characters.next().is_some_and(|c| c.is_ascii_digit());
            let is_identifier = word.len() >= IDENTIFIER
                && word.contains(|c: char| c.is_ascii_digit())
                && !word.trim_end_matches('.').contains('.');
            !is_number && !is_identifier
        })
    }
    !words(one).eq(words(other))
}

/// Whose sentence changes only with what it says, and says when it ends.
fn of_time(hold: &Hold) -> bool {
    matches!(hold.cause, Cause::Calendar | Cause::Approval | Cause::Dependency)
}
