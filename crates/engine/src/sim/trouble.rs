//! Faults that come by themselves, and where they met the shift.

use crossfade_core::{
    RecordName, Routing, Weight, batch::members, fence::Fence, plan::Question, shift::Shift,
};

use super::{
    Due, Sim,
    fault::{Fault, place},
    health::Span,
    replica::Wrong,
    stamp,
};

const MINUTE: f64 = 60_000.0;

impl Sim {
    pub(crate) fn trouble(&mut self) {
        let Some(fault) = self.swarm.draw(&mut self.random) else { return };
        let now = self.now;
        let r = usize::try_from(self.random.below(self.replicas.len() as u64)).unwrap_or(0);
        let long = self.random.gap(10.0 * MINUTE);
        match fault {
            Fault::Crash => {
                if !self.replicas[r].up {
                    return;
                }
                self.crash(r);
                let back = if self.random.chance(0.8) { self.random.between(500, 20_000) } else { long };
                self.at(now + back, Due::Start { r });
            }
            Fault::Standstill => {
                self.renew_loudly(r);
                self.replicas[r].frozen_until = now + self.random.between(1_000, 60_000);
            }
            Fault::ClockJump => {
                let far = self.random.chance(0.2);
                let by = if far {
                    let mended = now + self.random.gap(60.0 * MINUTE);
                    self.at(mended, Due::Clock { r });
                    self.random.between(-600_000, 600_000)
                } else {
                    self.random.between(-2_000, 2_000)
                };
                self.replicas[r].wrong.by = by;
            }
            Fault::ClockDrift => {
                let mended = now + self.random.gap(600.0 * MINUTE);
                self.at(mended, Due::Clock { r });
                let by = self.replicas[r].wrong.at(now);
                self.replicas[r].wrong = Wrong { by, since: now, drift: self.random.between(-2_000, 2_000) };
            }
            Fault::StoreDown => {
                self.all_renew_loudly();
                self.store.down_until =
                    now + if self.random.chance(0.7) { self.random.between(500, 30_000) } else { long }
            }
            Fault::Failover => {
                self.all_renew_loudly();
                let lost = self.store.fall_back(now - 1_000);
                self.checked = self.checked.min(self.store.history.len());
                self.store.down_until = now + self.random.between(1_000, 30_000);
                self.forgetful_until = self.store.down_until + 15_000;
                self.announce(None);
                // Whoever was kept waiting acts as soon as it answers.
                if self.random.chance(0.5) {
                    let soon = self.store.down_until + self.random.between(0, 500);
                    self.at(soon, Due::Alarmed);
                }
                self.note(|| format!("the database fails over and forgets {lost} events"));
            }
            Fault::ForeignWeight | Fault::ForeignDelete | Fault::ForeignFence | Fault::ForeignBaseline => {
                if !self.foreign(fault) {
                    return;
                }
                self.edited_at = now;
                self.follow(now + 10_000);
            }
            Fault::MetricsError => self.traffic.error_until = now + long,
            Fault::MetricsMissing => self.traffic.missing_until = now + long,
            Fault::MetricsLate => self.traffic.late_until = now + long,
            Fault::MetricsRestated => self.traffic.restated_until = now + long,
            Fault::MetricsHang => self.traffic.hang_until = now + long,
            Fault::AlarmRed if self.asks(is_of_alarms) => {
                let red = Span { from: now, until: now + long };
                if self.random.chance(0.6) {
                    self.health.red = red;
                } else {
                    self.health.red_elsewhere = red;
                }
            }
            Fault::AlarmsUnreadable if self.asks(is_of_alarms) => self.health.unreadable_until = now + long,
            Fault::AlarmDeleted if self.asks(is_of_alarms) => self.health.deleted_until = now + long,
            Fault::AlarmDoubted if self.asks(is_of_alarms) => self.health.doubted_until = now + long,
            Fault::ProbeFails if self.asks(is_of_probes) => {
                self.health.down = self.random.pick(&[None, Some('5'), Some('7')]).flatten();
                self.health.down_until = now + long;
            }
            Fault::ProbeUnjudged if self.asks(is_of_probes) => self.health.no_route_until = now + long,
            Fault::SlowRelease if self.asks(is_of_latency) => {
                self.traffic.slow_until = now + long;
                self.traffic.slower = 1.5 + 10.0 * self.random.unit() * self.random.unit();
                self.traffic.both_slow = self.random.chance(0.25);
            }
            Fault::BadRelease => {
                self.traffic.bad_until = now + long;
                self.traffic.bad_ratio = 0.005 + 0.4 * self.random.unit() * self.random.unit();
            }
            Fault::SickTarget => self.traffic.sick_until = now + long,
            Fault::StaleResolvers => self.traffic.stale_until = now + 4 * long,
            // Where nobody asks, nothing is amiss.
            Fault::AlarmRed
            | Fault::AlarmsUnreadable
            | Fault::AlarmDeleted
            | Fault::AlarmDoubted
            | Fault::ProbeFails
            | Fault::ProbeUnjudged
            | Fault::SlowRelease
            | Fault::ReadFails
            | Fault::CommitUnanswered
            | Fault::Throttled
            | Fault::Busy
            | Fault::NotSent
            | Fault::RequestLost
            | Fault::AnswerLost
            | Fault::Late
            | Fault::Stranded
            | Fault::SlowSync
            | Fault::ChangeForgotten => return,
        }
        self.strike(fault);
    }

    /// Whether a gate of the plan asks so.
    fn asks(&self, how: fn(&Question) -> bool) -> bool {
        self.store.shift.plan.gates.iter().any(|gate| how(&gate.question))
    }

    fn all_renew_loudly(&mut self) {
        for r in 0..self.replicas.len() {
            self.renew_loudly(r);
        }
    }

    /// Counts where a commit has brought the shift.
    pub(crate) fn went(&mut self, from: &Shift, to: &Shift) {
        let places = [from, to].map(|shift| place(shift, stamp(self.now)));
        if places[0] != places[1] {
            *self.tally.transitions.entry((places[0], places[1])).or_default() += 1;
        }
    }

    /// Counts a fault, where the shift is.
    pub(crate) fn strike(&mut self, fault: Fault) {
        let at = place(&self.store.shift, stamp(self.now));
        self.met(fault, at);
    }

    pub(crate) fn met(&mut self, fault: Fault, at: &'static str) {
        *self.tally.faults.entry((fault, at)).or_default() += 1;
        self.note(|| format!("fault: {fault:?} while {at}"));
    }

    /// Somebody else writes to the zone. `false` when there was nothing to write to.
    fn foreign(&mut self, fault: Fault) -> bool {
        let shift = self.store.shift.clone();
        let roll = self.random.next();
        let any = usize::try_from(roll >> 32).unwrap_or(0) % shift.groups.len().max(1);
        let Some(group) = shift.groups.get(any).cloned() else { return false };
        let Some(sets) = self.route53.zones.get_mut(&group.zone) else { return false };
        if fault == Fault::ForeignWeight {
            let ids: Vec<String> =
                members(sets, &group).filter_map(|set| set.set_identifier().map(str::to_owned)).collect();
            let Some(id) = ids.get(usize::try_from(roll % 7).unwrap_or(0) % ids.len().max(1)) else {
                return false;
            };
            set_weight(sets, &group, id, Weight(u8::try_from(roll / 7 % 256).unwrap_or(0)));
            return true;
        }
        if fault == Fault::ForeignDelete {
            let before = sets.len();
            // The last one that is left nobody deletes.
            let count = members(sets, &group).count();
            let gone = members(sets, &group).nth(usize::try_from(roll % 2).unwrap_or(0)).cloned();
            sets.retain(|set| count < 2 || Some(set) != gone.as_ref());
            return sets.len() < before;
        }
        if fault == Fault::ForeignFence {
            let name = group.name.fence();
            let Some(set) = sets.iter_mut().find(|set| set.name == name) else { return false };
            match Fence::decode(set) {
                Some(fence) if roll.is_multiple_of(2) => {
                    let changed =
                        Fence { generation: fence.generation + roll % 3, epoch: fence.epoch + 1, ..fence };
                    *set = changed.record_set(&group.name);
                }
                Some(_) | None => sets.retain(|set| set.name != name),
            }
            return true;
        }
        let Some(baseline) = shift.baseline.as_ref().and_then(|baseline| baseline.get(&group.zone)) else {
            return false;
        };
        let names: Vec<RecordName> = shift.names(&group.zone).into_iter().collect();
        sets.retain(|set| !names.contains(&set.name));
        sets.extend(baseline.iter().cloned());
        super::route53::sort(sets);
        true
    }

    /// From then on users get what the first zone says now.
    pub(crate) fn follow(&mut self, from: i64) {
        let share = share(&self.store.shift, &self.route53.zones);
        self.traffic.follow(from, share);
    }
}

fn set_weight(
    sets: &mut [crossfade_core::RecordSet],
    group: &crossfade_core::GroupKey,
    id: &str,
    to: Weight,
) {
    for set in sets {
        if set.name == group.name
            && set.record_type == group.record_type.as_str()
            && let Routing::Weighted { set_identifier, weight } = &mut set.routing
            && set_identifier == id
        {
            *weight = to;
        }
    }
}

/// The part of the answers that the `to` side gets, from 0 to 1.
fn share(shift: &Shift, zones: &super::Zones) -> f64 {
    let Some(group) = shift.groups.first() else { return 0.0 };
    let weights = zones.get(&group.zone).map(|sets| crossfade_core::batch::weights_of(sets, group));
    weights
        .and_then(|weights| crossfade_core::weights::share_of(&weights, &shift.plan.to))
        .map_or(0.0, |share| share.percent() / 100.0)
}

fn is_of_alarms(question: &Question) -> bool {
    matches!(question, Question::Alarms(_))
}

fn is_of_probes(question: &Question) -> bool {
    matches!(question, Question::Probe(_))
}

fn is_of_latency(question: &Question) -> bool {
    matches!(question, Question::Latency(_))
}
