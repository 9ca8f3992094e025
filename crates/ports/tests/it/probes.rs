//! `MemoryProbes` passes the suite.

use async_trait::async_trait;
use crossfade_core::{
    gate::{Family, ProbeOutcome, ProbeTarget},
    plan::Probe,
};
use crossfade_ports::{
    Probes,
    conformance::probes::{Endpoint, ProbesWorld},
    fake::probes::MemoryProbes,
};

#[derive(Default)]
struct World(MemoryProbes);

impl World {
    async fn new() -> World {
        World::default()
    }
}

#[async_trait]
impl ProbesWorld for World {
    fn probes(&self) -> &dyn Probes {
        &self.0
    }

    async fn target(&self, endpoint: Endpoint) -> ProbeTarget {
        let host = format!("{endpoint:?}");
        match endpoint {
            Endpoint::Answers(status) => self.0.answer(&host, status),
            Endpoint::Absent => self.0.set(&host, ProbeOutcome::Failed("it refused".to_owned())),
        }
        ProbeTarget { name: "www.example.com".to_owned(), host, family: Family::Any, ask: Probe::default() }
    }
}

crossfade_ports::probes_suite!(World::new());
