//! Endpoints in memory: each is fine until it is told otherwise.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use crossfade_core::gate::{ProbeOutcome, ProbeTarget, off_limits};

use crate::Probes;

/// Clones share the same endpoints.
#[derive(Clone, Debug, Default)]
pub struct MemoryProbes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// By host.
    answers: BTreeMap<String, Answer>,
    probes: u64,
}

#[derive(Clone, Debug)]
enum Answer {
    Status(u16),
    Otherwise(ProbeOutcome),
}

impl MemoryProbes {
    pub fn new() -> MemoryProbes {
        MemoryProbes::default()
    }

    /// From now on the host answers with this status.
    pub fn answer(&self, host: &str, status: u16) {
        self.lock().answers.insert(host.to_owned(), Answer::Status(status));
    }

    /// From now on this is what comes of probing the host.
    pub fn set(&self, host: &str, outcome: ProbeOutcome) {
        self.lock().answers.insert(host.to_owned(), Answer::Otherwise(outcome));
    }

    /// How many targets have been probed, each time counted.
    pub fn probes(&self) -> u64 {
        self.lock().probes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn outcome(&self, target: &ProbeTarget) -> ProbeOutcome {
        if let Some(why) = target.host.parse::<IpAddr>().ok().and_then(off_limits) {
            return ProbeOutcome::Unknown(format!("{} {why}", target.host));
        }
        match self.answers.get(&target.host) {
            None => ProbeOutcome::Fine,
            Some(Answer::Status(status)) if target.ask.takes(*status) => ProbeOutcome::Fine,
            Some(Answer::Status(status)) => ProbeOutcome::Failed(format!("it answered with status {status}")),
            Some(Answer::Otherwise(outcome)) => outcome.clone(),
        }
    }
}

#[async_trait]
impl Probes for MemoryProbes {
    async fn probe(&self, targets: &[ProbeTarget]) -> BTreeMap<ProbeTarget, ProbeOutcome> {
        let mut state = self.lock();
        state.probes += u64::try_from(targets.len()).unwrap_or(u64::MAX);
        targets.iter().map(|target| (target.clone(), state.outcome(target))).collect()
    }
}
