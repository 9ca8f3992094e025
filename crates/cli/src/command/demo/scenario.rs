//! What is done to the world while the shift runs, and how the shift has to end.

use std::{fmt, time::Duration};

use clap::ValueEnum;
use crossfade_api::types::Shift;
use crossfade_core::{
    Share,
    shift::{Cause, Command, Stage},
};
use crossfade_playground::{ExampleWorld, Fault, FaultKind, World};
use tokio::time::Instant;

use crate::{client::Client, failure::Failure};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// Nothing goes wrong: it ends completed.
    #[default]
    Healthy,
    /// The cloud side fails one request in five from the second step on: it ends reverted.
    CloudErrors,
    /// CloudWatch does not answer for a while: it holds, then goes on and ends completed.
    OutageOfMetrics,
    /// Somebody edits a weight: it holds until the edit is adopted, then ends completed.
    Drift,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scenario::Healthy => "healthy",
            Scenario::CloudErrors => "cloud-errors",
            Scenario::OutageOfMetrics => "outage-of-metrics",
            Scenario::Drift => "drift",
        })
    }
}

/// Changes the world when the shift has come to the right place.
pub(super) struct Stagehand {
    scenario: Scenario,
    world: World,
    example: ExampleWorld,
    /// Done so far, and since when.
    scene: usize,
    since: Instant,
    /// What did not go as it should on the way.
    objection: Option<String>,
}

/// How long CloudWatch stays away, and how long a drift stays.
const INTERLUDE: Duration = Duration::from_secs(15);

/// In place of the weight that the shift has set.
const EDITED: u8 = 2;

/// How it ended: as it should, in a sentence; or not, and why.
pub(super) type Ending = Result<String, String>;

impl Stagehand {
    pub(super) fn new(scenario: Scenario, world: World, example: ExampleWorld) -> Stagehand {
        Stagehand { scenario, world, example, scene: 0, since: Instant::now(), objection: None }
    }

    /// Does what comes next, if it is time, and says what it was.
    pub(super) async fn act(&mut self, shift: &Shift, client: &Client) -> Result<Option<String>, Failure> {
        let second_step = shift.step.index == Some(1) && shift.step.stage == Stage::Observing;
        let held = |cause: Cause| shift.holds.iter().any(|hold| hold.cause == cause);
        let line = match (self.scenario, self.scene) {
            (Scenario::CloudErrors, 0) if second_step => {
                self.world.set_error_rate(&self.example.cloud, 0.2);
                "the cloud side begins to fail one request in five"
            }
            (Scenario::OutageOfMetrics, 0) if second_step => {
                self.world.arm(Fault::always(FaultKind::Outage));
                "CloudWatch stops answering"
            }
            (Scenario::OutageOfMetrics, 1) if held(Cause::NoData) => {
                "the shift holds: no data is not good news"
            }
            (Scenario::OutageOfMetrics, 2) if self.since.elapsed() > INTERLUDE => {
                self.object_unless(shift.step.index == Some(1), "it went up without metrics");
                self.world.disarm_all();
                "CloudWatch answers again"
            }
            (Scenario::Drift, 0) if second_step => {
                self.edit();
                "somebody edits the weight of the cloud record in Route 53"
            }
            (Scenario::Drift, 1) if held(Cause::Drift) => {
                "the shift holds: it does not overwrite what somebody else wrote"
            }
            (Scenario::Drift, 2) if self.since.elapsed() > INTERLUDE => {
                let weights = self.weights();
                self.object_unless(
                    weights.get(&self.example.cloud) == Some(&EDITED),
                    "the edit was overwritten",
                );
                client.command(&shift.name, Command::Adopt, Some("the edit was meant".to_owned())).await?;
                "somebody adopts the edit: crossfade adopt demo"
            }
            _ => return Ok(None),
        };
        self.scene += 1;
        self.since = Instant::now();
        Ok(Some(line.to_owned()))
    }

    /// `None` while it goes on.
    pub(super) fn ended(&self, shift: &Shift) -> Option<Ending> {
        let scenes = match self.scenario {
            Scenario::Healthy => 0,
            Scenario::CloudErrors => 1,
            Scenario::OutageOfMetrics | Scenario::Drift => 3,
        };
        let (wanted, cloud) = match self.scenario {
            Scenario::CloudErrors => ("reverted", false),
            Scenario::Healthy | Scenario::OutageOfMetrics | Scenario::Drift => ("completed", true),
        };
        if !matches!(shift.phase.as_str(), "completed" | "reverted" | "cancelled") {
            return None;
        }
        let weights = self.weights();
        let told = weights.iter().map(|(id, weight)| format!("{id} {weight}")).collect::<Vec<_>>().join(", ");
        let (legacy, moved) = (weights.get(&self.example.legacy), weights.get(&self.example.cloud));
        let as_meant = match cloud {
            true => legacy == Some(&0) && moved.is_some_and(|weight| *weight > 0),
            false => shift
                .baseline
                .iter()
                .all(|group| group.weights.iter().all(|(id, weight)| weights.get(id) == Some(&weight.0))),
        };
        Some(if let Some(objection) = &self.objection {
            Err(objection.clone())
        } else if shift.phase != wanted {
            Err(format!("it is {} instead of {wanted}", shift.phase))
        } else if self.scene < scenes {
            Err("it ended before everything had happened to it".to_owned())
        } else if !as_meant {
            Err(format!("Route 53 has the weights {told}"))
        } else {
            Ok(format!("{wanted}, with the weights {told}; set share {}", known(shift.share.set)))
        })
    }

    fn object_unless(&mut self, condition: bool, objection: &str) {
        if !condition && self.objection.is_none() {
            self.objection = Some(objection.to_owned());
        }
    }

    fn edit(&mut self) {
        let ExampleWorld { zone_id, record_name, cloud, .. } = &self.example;
        if let Err(error) = self.world.foreign_weight(zone_id, record_name, "A", cloud, EDITED) {
            self.objection = Some(error.to_string());
        }
    }

    fn weights(&self) -> std::collections::BTreeMap<String, u8> {
        self.world.weights(&self.example.zone_id, &self.example.record_name, "A")
    }
}

pub(super) fn known(share: Option<Share>) -> String {
    share.map_or_else(|| "unknown".to_owned(), |share| share.to_string())
}
