//! What came of probing the targets of gates, the latest few times.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crossfade_core::{
    decide::Observation,
    gate::{Answer, PROBES_KEPT, ProbeData, ProbeOutcome, ProbeRead, ProbeTarget, probe_targets},
    plan::Probe,
    shift::Shift,
};
use crossfade_ports::{Clock, Probes};
use jiff::Timestamp;

#[derive(Default)]
pub(crate) struct KeptProbes(Mutex<BTreeMap<ProbeTarget, Vec<ProbeRead>>>);

impl KeptProbes {
    /// Puts what is known into what was seen.
    pub(crate) fn fill(&self, shift: &Shift, seen: &mut Observation) {
        for gate in &shift.plan.gates {
            let Some(asked) = gate.probe() else { continue };
            match self.answer(asked, shift, seen) {
                Some(data) => drop(seen.gates.insert(gate.name.clone(), Answer::Probes(data))),
                // What was said of other targets says nothing of those that are there now.
                None => drop(seen.gates.remove(&gate.name)),
            }
        }
    }

    /// `None` until every target that the zones have has been probed.
    fn answer(&self, asked: &Probe, shift: &Shift, seen: &Observation) -> Option<ProbeData> {
        let kept = self.kept();
        let targets = targets(asked, shift, seen)?.into_iter().map(|target| {
            let reads = kept.get(&target)?.clone();
            Some((target, reads))
        });
        Some(ProbeData { targets: targets.collect::<Option<_>>()? })
    }

    /// Whether a target of the shift is known, and has never been probed.
    pub(crate) fn lacks(&self, shift: &Shift, seen: &Observation) -> bool {
        let mut wanted = BTreeSet::new();
        want_probes(&mut wanted, shift, seen);
        let kept = self.kept();
        wanted.iter().any(|target| !kept.contains_key(target))
    }

    /// Probes what is wanted, all of it or what has never been probed, and forgets what no longer is.
    pub(crate) async fn probe(
        &self,
        wanted: BTreeSet<ProbeTarget>,
        all: bool,
        probes: &dyn Probes,
        clock: &dyn Clock,
    ) {
        let is_due = |target: &&ProbeTarget| all || !self.kept().contains_key(*target);
        let targets: Vec<ProbeTarget> = wanted.iter().filter(is_due).cloned().collect();
        // An answer is as old as its question.
        let at = clock.now();
        let outcomes = probes.probe(&targets).await;
        self.put(&wanted, at, outcomes);
    }

    /// Keeps what came of a round of probes that began then, and of the rounds before only what is still wanted.
    pub(crate) fn put(
        &self,
        wanted: &BTreeSet<ProbeTarget>,
        at: Timestamp,
        outcomes: impl IntoIterator<Item = (ProbeTarget, ProbeOutcome)>,
    ) {
        self.kept().retain(|target, _| wanted.contains(target));
        for (target, outcome) in outcomes {
            self.keep(target, ProbeRead { at, outcome });
        }
    }

    /// Nothing is wanted any more.
    pub(crate) fn forget(&self) {
        self.kept().clear();
    }

    fn keep(&self, target: ProbeTarget, read: ProbeRead) {
        let mut kept = self.kept();
        let reads = kept.entry(target.clone()).or_default();
        if reads.last().map(|last| &last.outcome) != Some(&read.outcome) {
            let ProbeTarget { name, host, .. } = &target;
            match &read.outcome {
                ProbeOutcome::Fine => {
                    tracing::info!(probe.name = name, probe.target = host, "a target answers")
                }
                ProbeOutcome::Failed(why) => {
                    tracing::warn!(probe.name = name, probe.target = host, why, "a target fails its probe");
                }
                ProbeOutcome::Unknown(why) => {
                    tracing::warn!(probe.name = name, probe.target = host, why, "a target cannot be probed");
                }
            }
        }
        reads.push(read);
        let surplus = reads.len().saturating_sub(PROBES_KEPT);
        reads.drain(..surplus);
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<ProbeTarget, Vec<ProbeRead>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds the targets of the shift's gates, as far as its zones have been read.
pub(crate) fn want_probes(wanted: &mut BTreeSet<ProbeTarget>, shift: &Shift, seen: &Observation) {
    if shift.next_step().is_none() {
        return;
    }
    for gate in &shift.plan.gates {
        if let Some(asked) = gate.probe() {
            wanted.extend(targets(asked, shift, seen).into_iter().flatten());
        }
    }
}

/// As the zones stand, or, while one cannot be read, as the shift last left it. `None` where neither is known.
fn targets(asked: &Probe, shift: &Shift, seen: &Observation) -> Option<Vec<ProbeTarget>> {
    let groups = shift.groups.iter().map(|group| {
        let listed = seen.zones.get(&group.zone).and_then(|read| read.listed.as_ref().ok());
        let sets = listed.or_else(|| shift.known.get(&group.zone).map(|known| &known.sets))?;
        Some((group, sets.as_slice()))
    });
    Some(probe_targets(asked, &shift.plan, groups.collect::<Option<Vec<_>>>()?))
}
