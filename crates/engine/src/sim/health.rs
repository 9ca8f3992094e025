//! What others say of the service: alarms of CloudWatch, and endpoints that answer a probe or do not.
//!
//! There are two alarms that plans ask: one on a metric of the `to` side, and a composite one that is red while either
//! that alarm is or one that no plan names.

use std::collections::BTreeMap;

use crossfade_core::{
    gate::{AlarmData, AlarmReading, AlarmState, ProbeOutcome, ProbeTarget},
    plan::Alarms,
};

use super::{random::Random, stamp};

const MINUTE: i64 = 60_000;

/// The alarms' names.
pub(crate) const METRIC: &str = "cloud-5xx";
pub(crate) const COMPOSITE: &str = "shop-is-down";

/// A composite alarm follows those it is made of.
const FOLLOWS: i64 = 20_000;

/// From a time on, and until another one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

pub(crate) struct Health {
    began: i64,
    /// The alarm on a metric is red.
    pub(crate) red: Span,
    /// So is one that only the composite alarm knows.
    pub(crate) red_elsewhere: Span,
    /// CloudWatch does not give alarms.
    pub(crate) unreadable_until: i64,
    /// Somebody has deleted the alarm on a metric, and will make it again.
    pub(crate) deleted_until: i64,
    /// CloudWatch does not quite stand by what it says of it.
    pub(crate) doubted_until: i64,
    /// Whether the alarm on a metric takes missing data for what they are.
    misses: bool,
    /// Whether CloudWatch says since when an alarm has its state.
    dated: bool,
    /// The endpoints whose addresses end like this do not answer.
    pub(crate) down: Option<char>,
    pub(crate) down_until: i64,
    /// The prober has no way to the endpoints.
    pub(crate) no_route_until: i64,
}

impl Health {
    pub(crate) fn new(random: &mut Random, began: i64) -> Health {
        let red = if random.chance(0.25) {
            let from = began - random.between(MINUTE, 2_880 * MINUTE);
            Span { from, until: began + random.gap(600.0 * MINUTE as f64) }
        } else {
            Span::default()
        };
        let elsewhere = random.chance(0.3);
        Health {
            began,
            red: if elsewhere { Span::default() } else { red },
            red_elsewhere: if elsewhere { red } else { Span::default() },
            unreadable_until: 0,
            deleted_until: 0,
            doubted_until: 0,
            misses: random.chance(0.5),
            dated: random.chance(0.9),
            down: None,
            down_until: 0,
            no_route_until: 0,
        }
    }

    pub(crate) fn heal(&mut self, now: i64) {
        for until in [
            &mut self.red.until,
            &mut self.red_elsewhere.until,
            &mut self.unreadable_until,
            &mut self.deleted_until,
            &mut self.doubted_until,
            &mut self.down_until,
            &mut self.no_route_until,
        ] {
            *until = (*until).min(now);
        }
    }

    pub(crate) fn is_red(&self, name: &str, now: i64) -> bool {
        self.red_since(name, now).is_some()
    }

    fn red_since(&self, name: &str, now: i64) -> Option<i64> {
        let during = |span: &Span, at: i64| span.from <= at && at < span.until;
        if name == METRIC {
            return Some(self.red.from).filter(|_| during(&self.red, now));
        }
        let children = [self.red, self.red_elsewhere].into_iter();
        children.filter(|span| during(span, now - FOLLOWS)).map(|span| span.from + FOLLOWS).min()
    }

    /// What CloudWatch says of a gate's alarms. `serves` when requests lately came to the `to` side.
    pub(crate) fn alarms(&self, asked: &Alarms, clock: jiff::Timestamp, now: i64, serves: bool) -> AlarmData {
        let names = asked.alarms.names.iter();
        let alarms: BTreeMap<String, AlarmReading> =
            names.map(|name| (name.clone(), self.reading(name, now, serves))).collect();
        AlarmData { fetched_at: clock, alarms }
    }

    fn reading(&self, name: &str, now: i64, serves: bool) -> AlarmReading {
        if now < self.unreadable_until {
            return AlarmReading::Unreadable("InternalServiceFault".to_owned());
        }
        let on_metric = name == METRIC;
        if on_metric && now < self.deleted_until {
            return AlarmReading::NoSuchAlarm;
        }
        let (state, since) = match self.red_since(name, now) {
            Some(since) => (AlarmState::Alarm, since),
            None if on_metric && self.misses && !serves => (AlarmState::InsufficientData, self.began),
            None => (AlarmState::Ok, self.began),
        };
        let doubted = on_metric && now < self.doubted_until;
        AlarmReading::Found {
            state,
            since: self.dated.then(|| stamp(since)),
            reason: (state == AlarmState::Alarm).then(|| "Threshold Crossed: 3 datapoints".to_owned()),
            doubt: doubted.then(|| "PARTIAL_DATA".to_owned()),
        }
    }

    /// What a probe of an endpoint comes to.
    pub(crate) fn probe(&self, target: &ProbeTarget, now: i64) -> ProbeOutcome {
        if now < self.no_route_until {
            return ProbeOutcome::Unknown("no route to host".to_owned());
        }
        let down = self.down.is_none_or(|end| target.host.ends_with(end));
        if now < self.down_until && down {
            return ProbeOutcome::Failed("the certificate has expired".to_owned());
        }
        ProbeOutcome::Fine
    }
}
