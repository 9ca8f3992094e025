//! In which steps.

use jiff::SignedDuration;

use super::{
    cursor::{Cursor, Keys, Read},
    schedule::approval,
};
use crate::{
    Share,
    plan::{Approval, Ramp, Side, Span, Step},
    weights::{Realised, realise, split},
};

pub(crate) const RAMP: Keys = Keys { known: &["steps", "hold", "bake", "max_wait"], later: &[] };
pub(crate) const STEP: Keys = Keys { known: &["share", "hold", "approval"], later: &[] };

/// A share is exact to this.
const SMALLEST_PERCENT: f64 = 0.0001;

/// A step for each percent.
const MOST_STEPS: usize = 100;

/// A ramp whose steps can be looked at although something else in it is wrong.
pub(super) struct Ladder<'a> {
    steps: Vec<(Step, Cursor<'a>)>,
    ramp: Read<Ramp>,
}

impl Ladder<'_> {
    pub(super) fn ramp(self) -> Read<Ramp> {
        self.ramp
    }

    /// Two steps whose weights give the same share are one step, and its evidence would be counted twice.
    pub(super) fn weigh(&self, from: &Side, to: &Side) {
        let mut before = None;
        for (step, at) in &self.steps {
            let Ok(realised) = realise(step.share, from, to) else { return };
            if let Some((share, weights)) = &before
                && *share < step.share
                && !rises(weights, &realised, to)
            {
                let message = format!(
                    "{} cannot be told apart from {share} before it: the weights are {} and {}",
                    step.share,
                    listed(&realised),
                    listed(weights),
                );
                at.refuse(message, "leave one of them out, or put them further apart");
            }
            before = Some((step.share, realised));
        }
    }
}

fn rises(before: &Realised, after: &Realised, to: &Side) -> bool {
    let ((low, low_whole), (high, high_whole)) = (split(&before.weights, to), split(&after.weights, to));
    low * high_whole < high * low_whole
}

fn listed(realised: &Realised) -> String {
    let weights: Vec<_> = realised.weights.iter().map(|(id, weight)| format!("{id} {weight}")).collect();
    weights.join(", ")
}

pub(super) fn ladder<'a>(at: &Cursor<'a>) -> Read<Ladder<'a>> {
    let table = at.table(&RAMP)?;
    let steps = table.required("steps", steps);
    let hold = table.required("hold", hold);
    let bake = table.optional("bake", Cursor::span);
    let max_wait = table.optional("max_wait", Cursor::span);
    let (steps, all) = match steps {
        Ok(items) => read_steps(&items),
        Err(noted) => (Vec::new(), Err(noted)),
    };
    let ordered = rising(&steps);
    let ramp = (|| {
        all.and(ordered)?;
        let steps = steps.iter().map(|(step, _)| step.clone()).collect();
        Ok(Ramp { steps, hold: hold?, bake: bake?, max_wait: max_wait? })
    })();
    let ramp = ramp.and_then(|ramp| patient(ramp, at, &steps));
    Ok(Ladder { steps, ramp })
}

fn steps<'a>(at: &Cursor<'a>) -> Read<Vec<Cursor<'a>>> {
    let items = at.some("a list of steps")?;
    match items.len() {
        0..=MOST_STEPS => Ok(items),
        count => Err(at.refuse(format!("{count} steps are more than {MOST_STEPS}"), "take some out")),
    }
}

fn read_steps<'a>(items: &[Cursor<'a>]) -> (Vec<(Step, Cursor<'a>)>, Read<()>) {
    let mut all = Ok(());
    let read = items.iter().filter_map(|item| match step(item) {
        Ok(step) => Some((step, item.clone())),
        Err(noted) => {
            all = Err(noted);
            None
        }
    });
    (read.collect(), all)
}

fn step(at: &Cursor<'_>) -> Read<Step> {
    if at.as_number().is_some() {
        return Ok(Step { share: share(at)?, hold: None, approval: Approval::default() });
    }
    if !at.is_table() {
        return Err(at.wrong("a share in percent as a number, or a table such as { share: 50, hold: 2h }"));
    }
    let table = at.table(&STEP)?;
    let share = table.required("share", share);
    let hold = table.optional("hold", hold);
    let approval = table.optional("approval", approval);
    Ok(Step { share: share?, hold: hold?, approval: approval?.unwrap_or_default() })
}

pub(super) fn share(at: &Cursor<'_>) -> Read<Share> {
    let percent = at.number("a share in percent as a number")?;
    let hint = "a step is above 0 and at most 100 percent";
    let share = Share::from_percent(percent).map_err(|error| at.refuse(error.to_string(), hint))?;
    // Rounding to the share's own precision undoes what floats cannot hold, and only that.
    if (share.percent() - percent).abs() > 1e-9 {
        let message = format!("{percent} has more than four decimals");
        return Err(at.refuse(message, format!("write {}", share.percent().max(SMALLEST_PERCENT))));
    }
    if share == Share::ZERO {
        return Err(at.refuse("a step of 0 percent moves nothing", hint));
    }
    Ok(share)
}

fn hold(at: &Cursor<'_>) -> Read<Span> {
    let span = at.span()?;
    if span.0.is_zero() {
        return Err(at.refuse("a step must be held for some time", "give at least 1s; 30m is usual"));
    }
    Ok(span)
}

fn rising(steps: &[(Step, Cursor<'_>)]) -> Read<()> {
    let mut all = Ok(());
    for ((before, _), (step, at)) in steps.iter().zip(steps.iter().skip(1)) {
        if step.share <= before.share {
            let message = format!("{} is not above {}, the step before it", step.share, before.share);
            all = Err(at.refuse(message, "put the steps in rising order"));
        }
    }
    all
}

/// A step that may not be waited for as long as it is to be held would never be proven healthy.
fn patient(ramp: Ramp, at: &Cursor<'_>, steps: &[(Step, Cursor<'_>)]) -> Read<Ramp> {
    let max_wait = ramp.max_wait();
    let said = if ramp.max_wait.is_some() { "max_wait" } else { "the max_wait that follows from ramp.hold" };
    let refuse = |at: &Cursor<'_>, hold: SignedDuration| {
        let message = format!("the hold time {hold:#} is not shorter than {said}, {max_wait:#}");
        at.refuse(message, format!("set ramp.max_wait above {hold:#}"))
    };
    let mut all = Ok(());
    if ramp.hold.0 >= max_wait {
        all = Err(refuse(&at.peek("max_wait").unwrap_or_else(|| at.clone()), ramp.hold.0));
    }
    for (step, at) in steps {
        if let Some(hold) = step.hold.filter(|hold| hold.0 >= max_wait) {
            all = Err(refuse(&at.peek("hold").unwrap_or_else(|| at.clone()), hold.0));
        }
    }
    all.map(|()| ramp)
}
