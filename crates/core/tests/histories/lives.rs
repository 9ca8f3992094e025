//! The lives that are recorded: between them, everything that can happen to a shift.

use crossfade_core::shift::Command;
use jiff::SignedDuration;

use super::world::World;

/// A name, and how that life went.
pub(crate) type Life = (&'static str, fn() -> World);

pub(crate) const LIVES: [Life; 12] = [
    ("healthy", healthy),
    ("reverted-by-gate", reverted_by_gate),
    ("drift-adopted", drift_adopted),
    ("lost-answer", lost_answer),
    ("cancelled", cancelled),
    ("retried", retried),
    ("two-zones", two_zones),
    ("by-hand", by_hand),
    ("given-up", given_up),
    ("found-reverted", found_reverted),
    ("under-way", under_way),
    ("unapproved", unapproved),
];

const ONE_ZONE: &str = "
name: www
labels: { env: prod }
records: [{ zone: Z1, name: www.example.com, types: [A] }]
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [10, 50, 100], hold: 10m, bake: 20m }
settle_margin: 30s
gates:
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: app/cloud/1 }
";

const TWO_ZONES: &str = "
name: www
records:
  - { zone: Z1, name: www.example.com, types: [A, AAAA] }
  - { zone: Z2, name: www.example.org, types: [A] }
from: { legacy: 1 }
to: { cloud: 1 }
ramp: { steps: [25, 100], hold: 10m }
gates:
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: app/cloud/1 }
";

fn started(plan: &str) -> World {
    let mut world = World::of(plan);
    world.ask(Command::Start);
    world
}

fn healthy() -> World {
    let mut world = started(ONE_ZONE);
    world.pass(120);
    world
}

fn reverted_by_gate() -> World {
    let mut world = started(ONE_ZONE);
    world.pass(15);
    world.errors = 200;
    world.pass(15);
    world
}

fn drift_adopted() -> World {
    let mut world = started(ONE_ZONE);
    world.pass(5);
    world.edit("cloud", 7);
    world.pass(5);
    world.ask(Command::Adopt);
    world.pass(20);
    world
}

fn lost_answer() -> World {
    let mut world = World::of(ONE_ZONE);
    world.lost_answers = 3;
    world.ask(Command::Start);
    world.pass(60);
    world
}

fn cancelled() -> World {
    let mut world = started(ONE_ZONE);
    world.pass(5);
    world.ask(Command::Cancel);
    world.pass(5);
    world
}

fn retried() -> World {
    let mut world = reverted_by_gate();
    world.errors = 0;
    world.pass(60);
    world.ask(Command::Retry);
    world.pass(30);
    world
}

fn two_zones() -> World {
    let mut world = World::of(TWO_ZONES);
    world.refusals = 1;
    world.ask(Command::Start);
    world.pass(90);
    world.ask(Command::Revert);
    world.pass(5);
    world.ask(Command::Finalize);
    world.pass(5);
    world
}

fn by_hand() -> World {
    let mut world = World::of(&ONE_ZONE.replace("50, 100", "50, { share: 100, approval: true }"));
    world.ask(Command::Start);
    world.pass(5);
    world.ask(Command::Advance);
    world.pass(15);
    world.ask(Command::Pause { freeze: true });
    world.pass(5);
    world.ask(Command::StepBack);
    world.ask(Command::Resume);
    world.pass(5);
    // Nobody has seen it when somebody asks to go on.
    world.edit("cloud", 3);
    world.now += SignedDuration::from_mins(1);
    world.ask(Command::Advance);
    world.pass(5);
    world.ask(Command::Reassert);
    world.silent = true;
    world.pass(10);
    world.silent = false;
    world.revise(|plan| plan.description = "slower".to_owned());
    world.pass(30);
    world.ask(Command::Approve);
    world.pass(60);
    world
}

fn unapproved() -> World {
    let step = "{ share: 100, approval: { deadline: 30m, then: revert } }";
    let mut world = World::of(&ONE_ZONE.replace("50, 100", &format!("50, {step}")));
    world.ask(Command::Start);
    world.pass(90);
    world
}

fn given_up() -> World {
    let mut world = World::of(ONE_ZONE);
    world.refusals = 100;
    world.ask(Command::Start);
    world.pass(5);
    world.refusals = 0;
    world.ask(Command::Resume);
    world.pass(15);
    world
}

fn found_reverted() -> World {
    let mut world = started(ONE_ZONE);
    world.pass(5);
    world.revert_directly();
    world.pass(5);
    world
}

/// In the middle of a write.
fn under_way() -> World {
    let mut world = World::of(ONE_ZONE);
    world.lost_answers = 1;
    world.ask(Command::Start);
    world
}
