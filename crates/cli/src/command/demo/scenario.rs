//! What is done to the world while the shift runs, and how the shift has to end.

use std::{collections::BTreeMap, fmt, time::Duration};

use clap::ValueEnum;
use crossfade_api::types::Shift;
use crossfade_core::{
    Share,
    shift::{Cause, Command, Stage},
};
use crossfade_playground::{ExampleWorld, Fault, FaultKind, World};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{client::Client, failure::Failure};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// Nothing goes wrong: it ends completed.
    #[default]
    Healthy,
    /// The cloud side fails one request in five from the second step on: it ends reverted.
    CloudErrors,
    /// The cloud side's errors rise from 0.5 % to 2 %: it ends reverted.
    SlowBurn,
    /// No request reaches the cloud side any more: it ends reverted.
    SilentTarget,
    /// Both sides fail for a while: it holds, because going back would not help, then ends completed.
    SharedOutage,
    /// Resolvers keep their old answers for a while: it holds, then ends completed.
    PinnedResolvers,
    /// The calendar is closed at first: it holds until the freeze is over, then ends completed.
    Freeze,
    /// CloudWatch does not answer for a while: it holds, then goes on and ends completed.
    OutageOfMetrics,
    /// Somebody edits a weight: it holds until the edit is adopted, then ends completed.
    Drift,
}

/// Something that is done once it is time for it.
struct Scene {
    when: When,
    does: Act,
    line: &'static str,
}

enum When {
    /// The traffic of this step, counted from 0, has settled.
    Observing(usize),
    Held(Cause),
    /// So long after the scene before.
    After(Duration),
}

enum Act {
    Nothing,
    Errors { legacy: f64, cloud: f64 },
    CloudDown,
    Pin(bool),
    MetricsOut,
    MetricsBack,
    Edit,
    Adopt,
}

/// How long a trouble stays once the shift holds for it.
const INTERLUDE: Duration = Duration::from_secs(15);

/// In place of the weight that the shift has set.
const EDITED: u8 = 2;

/// Between two rises of the errors.
const RISE: Duration = Duration::from_secs(5);

const CLOUD_ERRORS: &[Scene] = &[Scene {
    when: When::Observing(1),
    does: Act::Errors { legacy: 0.0, cloud: 0.2 },
    line: "the cloud side begins to fail one request in five",
}];

const SLOW_BURN: &[Scene] = &[
    Scene {
        when: When::Observing(1),
        does: Act::Errors { legacy: 0.0, cloud: 0.005 },
        line: "the cloud side begins to fail: one request in 200",
    },
    Scene {
        when: When::After(RISE),
        does: Act::Errors { legacy: 0.0, cloud: 0.01 },
        line: "the cloud side fails one request in 100",
    },
    Scene {
        when: When::After(RISE),
        does: Act::Errors { legacy: 0.0, cloud: 0.02 },
        line: "the cloud side fails one request in 50",
    },
];

const SILENT_TARGET: &[Scene] = &[Scene {
    when: When::Observing(1),
    does: Act::CloudDown,
    line: "the cloud side cannot be reached any more, and so counts no errors either",
}];

const SHARED_OUTAGE: &[Scene] = &[
    Scene {
        when: When::Observing(1),
        does: Act::Errors { legacy: 0.3, cloud: 0.3 },
        line: "something behind both sides fails: three requests in ten, wherever they go",
    },
    Scene {
        when: When::Held(Cause::Gate),
        does: Act::Nothing,
        line: "the shift holds: going back would not help",
    },
    Scene {
        when: When::After(INTERLUDE),
        does: Act::Errors { legacy: 0.0, cloud: 0.0 },
        line: "both sides are well again",
    },
];

const PINNED_RESOLVERS: &[Scene] = &[
    Scene {
        when: When::Observing(0),
        does: Act::Pin(true),
        line: "the resolvers keep the answers that they have, beyond their TTL",
    },
    Scene {
        when: When::Held(Cause::Gate),
        does: Act::Nothing,
        line: "the shift holds: the traffic does not follow the weights",
    },
    Scene {
        when: When::After(INTERLUDE),
        does: Act::Pin(false),
        line: "the resolvers forget their old answers",
    },
];

const FREEZE: &[Scene] = &[Scene {
    when: When::Held(Cause::Calendar),
    does: Act::Nothing,
    line: "the shift holds: the plan has a freeze, which is over in half a minute",
}];

/// How long the calendar is closed.
const FREEZE_LASTS: SignedDuration = SignedDuration::from_secs(30);

const OUTAGE_OF_METRICS: &[Scene] = &[
    Scene { when: When::Observing(1), does: Act::MetricsOut, line: "CloudWatch stops answering" },
    Scene {
        when: When::Held(Cause::NoData),
        does: Act::Nothing,
        line: "the shift holds: no data is not good news",
    },
    Scene { when: When::After(INTERLUDE), does: Act::MetricsBack, line: "CloudWatch answers again" },
];

const DRIFT: &[Scene] = &[
    Scene {
        when: When::Observing(1),
        does: Act::Edit,
        line: "somebody edits the weight of the cloud record in Route 53",
    },
    Scene {
        when: When::Held(Cause::Drift),
        does: Act::Nothing,
        line: "the shift holds: it does not overwrite what somebody else wrote",
    },
    Scene {
        when: When::After(INTERLUDE),
        does: Act::Adopt,
        line: "somebody adopts the edit: crossfade adopt demo",
    },
];

impl Scenario {
    /// The demo's plan, with what this scenario has in its calendar.
    pub(super) fn plan(self, plan: &str, now: Timestamp) -> String {
        if self != Scenario::Freeze {
            return plan.to_owned();
        }
        let (from, to) = (now - FREEZE_LASTS, now + FREEZE_LASTS);
        format!("{plan}\nschedule:\n  freezes: [{{ from: {from}, to: {to}, reason: the demo }}]\n")
    }

    fn scenes(self) -> &'static [Scene] {
        match self {
            Scenario::Healthy => &[],
            Scenario::CloudErrors => CLOUD_ERRORS,
            Scenario::SlowBurn => SLOW_BURN,
            Scenario::SilentTarget => SILENT_TARGET,
            Scenario::SharedOutage => SHARED_OUTAGE,
            Scenario::PinnedResolvers => PINNED_RESOLVERS,
            Scenario::Freeze => FREEZE,
            Scenario::OutageOfMetrics => OUTAGE_OF_METRICS,
            Scenario::Drift => DRIFT,
        }
    }

    /// The phase that it has to end in, and after how many scenes at least: what is bad enough is taken back before
    /// it gets worse.
    fn ending(self) -> (&'static str, usize) {
        match self {
            Scenario::CloudErrors | Scenario::SlowBurn | Scenario::SilentTarget => ("reverted", 1),
            Scenario::Healthy
            | Scenario::SharedOutage
            | Scenario::PinnedResolvers
            | Scenario::Freeze
            | Scenario::OutageOfMetrics
            | Scenario::Drift => ("completed", self.scenes().len()),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
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
    /// The step at which the first scene found the shift.
    step: Option<usize>,
    /// What did not go as it should on the way.
    objection: Option<String>,
}

/// How it ended: as it should, in a sentence; or not, and why.
pub(super) type Ending = Result<String, String>;

impl Stagehand {
    pub(super) fn new(scenario: Scenario, world: World, example: ExampleWorld) -> Stagehand {
        Stagehand { scenario, world, example, scene: 0, since: Instant::now(), step: None, objection: None }
    }

    /// Does what comes next, if it is time, and says what it was.
    pub(super) async fn act(&mut self, shift: &Shift, client: &Client) -> Result<Option<String>, Failure> {
        let Some(scene) = self.scenario.scenes().get(self.scene) else { return Ok(None) };
        let is_time = match scene.when {
            When::Observing(step) => shift.step.index == Some(step) && shift.step.stage == Stage::Observing,
            When::Held(cause) => shift.holds.iter().any(|hold| hold.cause == cause),
            When::After(span) => self.since.elapsed() > span,
        };
        if !is_time {
            return Ok(None);
        }
        let ExampleWorld { legacy: legacy_side, cloud: cloud_side, .. } = &self.example;
        match scene.does {
            Act::Nothing => self.step = shift.step.index,
            Act::Errors { legacy, cloud } => {
                self.world.set_error_rate(legacy_side, legacy);
                self.world.set_error_rate(cloud_side, cloud);
            }
            Act::CloudDown => self.world.set_down(cloud_side, true),
            Act::Pin(pinned) => self.world.pin_resolvers(pinned),
            Act::MetricsOut => self.world.arm(Fault::always(FaultKind::Outage)),
            Act::MetricsBack => self.world.disarm_all(),
            Act::Edit => self.edit(),
            Act::Adopt => {
                let edited = self.weights().get(&self.example.cloud) == Some(&EDITED);
                self.object_unless(edited, "the edit was overwritten");
                client.command(&shift.name, Command::Adopt, Some("the edit was meant".to_owned())).await?;
            }
        }
        // It has been holding since the scene before.
        if self.step.is_some() {
            self.object_unless(shift.step.index == self.step, "it went up while it should have held");
        }
        self.scene += 1;
        self.since = Instant::now();
        Ok(Some(scene.line.to_owned()))
    }

    /// `None` while it goes on.
    pub(super) fn ended(&self, shift: &Shift) -> Option<Ending> {
        if !matches!(shift.phase.as_str(), "completed" | "reverted" | "cancelled") {
            return None;
        }
        let (wanted, scenes) = self.scenario.ending();
        let weights = self.weights();
        let told = weights.iter().map(|(id, weight)| format!("{id} {weight}")).collect::<Vec<_>>().join(", ");
        let (legacy, moved) = (weights.get(&self.example.legacy), weights.get(&self.example.cloud));
        let as_meant = match wanted {
            "completed" => legacy == Some(&0) && moved.is_some_and(|weight| *weight > 0),
            _ => shift
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

    fn weights(&self) -> BTreeMap<String, u8> {
        self.world.weights(&self.example.zone_id, &self.example.record_name, "A")
    }
}

pub(super) fn known(share: Option<Share>) -> String {
    share.map_or_else(|| "unknown".to_owned(), |share| share.to_string())
}
