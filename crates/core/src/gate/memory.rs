//! What judging a gate again can make use of: it may be dropped at any time, and changes no verdict.
//!
//! Minutes that are closed and have not been corrected say the same again, so the meter and the baseline are kept as
//! they were after the last firm block of both sides; after it, minute by minute as long as each is as it was. And as
//! long as neither the data nor the minute has changed, the whole report stands.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    GateData, Standing, Told,
    clean::{self, Closed},
    evaluate::{Config, Course, Evaluation, State, conclude},
    meter::Meter,
    rows,
    series::{Block, SPAN, same_block},
};
use crate::{Share, plan::Errors};

/// What is kept of a gate between two looks at it.
#[derive(Debug, Default)]
pub struct Memory {
    kept: Option<Box<Kept>>,
    pub(super) said: Option<Box<Said>>,
}

/// What was said, and for how long it stands.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) gate: Errors,
    pub(super) data: GateData,
    pub(super) standing: Standing,
    /// Neither end belongs to it.
    pub(super) between: (Timestamp, Timestamp),
    pub(super) told: Told,
    pub(super) observed: Option<Share>,
}

#[derive(Debug)]
struct Kept {
    config: Config,
    /// Since when periods are evidence.
    moved_at: i64,
    /// Whether data of a side were incomplete: its errors without requests do not count then.
    incomplete: [bool; 2],
    /// The blocks that end here are done with. `None`: from the beginning.
    until: Option<i64>,
    to: Option<Arc<Block>>,
    from: Option<Arc<Block>>,
    /// Every closed period.
    closed: Vec<Closed>,
    /// As many of them are of blocks that are done with.
    firm: usize,
    /// After those.
    course: Course,
    /// After each of the others: the limit it was measured by, and the meter.
    after: Vec<(Option<f64>, Meter)>,
}

impl Memory {
    /// The same as [`super::evaluate`] over all rows.
    pub(super) fn evaluate(
        &mut self,
        config: &Config,
        state: &State,
        data: &GateData,
        now: i64,
    ) -> Evaluation {
        let incomplete =
            [&Some(&data.to), &data.from.as_ref()].map(|side| side.is_some_and(|s| s.incomplete.is_some()));
        let firm = firm(config, data, now);
        let kept = self.kept.take().filter(|kept| kept.goes_on(config, state, incomplete, data, firm));
        let kept = self.kept.insert(kept.unwrap_or_else(|| {
            Box::new(Kept {
                config: config.clone(),
                moved_at: state.moved_at,
                incomplete,
                until: None,
                to: None,
                from: None,
                closed: Vec::new(),
                firm: 0,
                course: Course::new(config),
                after: Vec::new(),
            })
        }));
        let fresh = clean::closed(config, &rows::since(kept.until, config.period, data), now);
        let course = kept.take(config, state, &fresh, firm);
        kept.closed.truncate(kept.firm);
        let settled = fresh.partition_point(|period| firm.is_some_and(|firm| period.start < firm));
        kept.closed.extend(fresh);
        kept.firm += settled;
        if let Some(at) = firm {
            kept.until = firm;
            kept.to = data.to.periods.block_at(at).cloned();
            kept.from = data.from.as_ref().and_then(|from| from.periods.block_at(at).cloned());
        }
        conclude(config, state, &kept.closed, &course, now)
    }
}

impl Kept {
    /// Whether what is kept is a beginning of this.
    fn goes_on(
        &self,
        config: &Config,
        state: &State,
        incomplete: [bool; 2],
        data: &GateData,
        firm: Option<i64>,
    ) -> bool {
        let blocks = |at| {
            same_block(data.to.periods.block_at(at), self.to.as_ref())
                && same_block(
                    data.from.as_ref().and_then(|from| from.periods.block_at(at)),
                    self.from.as_ref(),
                )
        };
        // A clock that has gone back closes less than it had.
        self.until <= firm
            && self.moved_at == state.moved_at
            && self.incomplete == incomplete
            && self.config == *config
            && self.until.is_none_or(blocks)
    }

    /// Goes on with what came after the blocks that are done with, and keeps where the next of them ends.
    fn take(&mut self, config: &Config, state: &State, fresh: &[Closed], firm: Option<i64>) -> Course {
        let before = self.closed.get(self.firm..).unwrap_or_default();
        let alike = before.iter().zip(fresh).take_while(|(before, fresh)| before == fresh).count();
        let known = std::mem::take(&mut self.after);
        let mut alike = known.get(..alike.min(known.len())).unwrap_or_default().iter();
        let settles = fresh.partition_point(|period| firm.is_some_and(|firm| period.start < firm));
        let mut course = self.course.clone();
        for (place, period) in fresh.iter().enumerate() {
            if place == settles && settles > 0 {
                self.course = course.clone();
            }
            course.measure(config, period);
            match alike.next() {
                Some((limit, meter)) if *limit == course.limit => course.meter = *meter,
                Some(_) | None => {
                    // What follows from another meter is another one.
                    alike = [].iter();
                    course.weigh(config, state, period);
                }
            }
            if place >= settles {
                self.after.push((course.limit, course.meter));
            }
        }
        if settles == fresh.len() {
            self.course = course.clone();
        }
        course
    }
}

/// Up to here no period can change but by a correction, and both sides come in blocks.
fn firm(config: &Config, data: &GateData, now: i64) -> Option<i64> {
    let due = now.saturating_sub(config.metric_delay).saturating_sub(2 * config.period);
    let mut firm = data.to.periods.firm()?.min(due.div_euclid(SPAN) * SPAN);
    if let Some(from) = &data.from {
        firm = firm.min(from.periods.firm()?);
    }
    // A period that is in two blocks is in none.
    (SPAN % config.period.max(1) == 0).then_some(firm)
}
