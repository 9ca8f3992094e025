//! Two processes of the real binary over one real PostgreSQL, each behind wires that can be cut: whatever becomes of
//! one of them, of the database or of the network, each step is taken once, fences never go back, and what was
//! answered is kept.
//!
//! Leases last seconds here. Nothing asserts how long anything took: a test that hangs has failed.

mod database;
mod failover;
mod leaving;
mod network;
mod stopped;
mod verbs;

use std::time::Instant;

use crate::harness::{DEADLINE, POLL, Process, World, assert_told};

/// Stays at every step until a person says otherwise.
const WAITING: &str = "{ steps: [25, 50, 100], hold: 1h }";

/// A lease that nobody waits for to run out.
const FOR_EVER: [(&str, &str); 1] = [("CROSSFADE_ENGINE__LEASE", "10h")];

/// What a write to Route 53 has, and nothing else.
const WRITE: &str = "ChangeResourceRecordSetsRequest";

/// To the first step, by a command to this daemon.
async fn begin(daemon: &Process, world: &World) {
    daemon.done(&["apply", &world.quiet_plan("www", WAITING), "--start"]).await;
    daemon.await_share("www", 25.0).await;
}

/// To the next step, by a command to this daemon.
async fn advance(daemon: &Process, to: f64) {
    insist(daemon, &["advance", "www"]).await;
    daemon.await_share("www", to).await;
}

/// A command that is given again for as long as it meets connections to a database that is gone.
async fn insist(daemon: &Process, arguments: &[&str]) {
    const UNREACHABLE: i32 = 9;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let said = daemon.run(arguments).await;
        if said.code == 0 {
            return;
        }
        let goes_on = said.code == UNREACHABLE && Instant::now() < deadline;
        assert!(goes_on, "{arguments:?}: {said:#?}\n{}", daemon.log());
        tokio::time::sleep(POLL).await;
    }
}

/// From the second step to the end, which leaves the same story as if nothing had happened.
async fn goes_on_to_the_end(daemon: &Process, world: &World) {
    advance(daemon, 100.0).await;
    assert_told(world, daemon, "www", &[25.0, 50.0, 100.0]).await;
    assert_eq!(world.weight("legacy"), 0);
}

/// A number below the bound, the same for the same seed and turn.
fn draw(seed: u64, turn: u64, bound: u64) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (seed, turn).hash(&mut hasher);
    hasher.finish() % bound
}
