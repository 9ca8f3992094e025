//! Hundreds of shifts in one account, which share its budget of requests.

use std::time::Duration;

use crossfade_core::{GroupKey, RecordName, RecordType, ZoneId, shift::Command};
use tokio::time::Instant;

use crate::harness::{SHIFT, World, observing, plan};

/// More than five requests a second can read back every minute.
const MANY: usize = 400;

/// Four turns a second for [`MANY`] zones, and some patience for what else there is to do.
const EACH_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test(start_paused = true)]
async fn shifts_that_wait_are_read_back_in_turn_and_keep_no_step_waiting() {
    let mut world = World::new().await;
    let zones = waiting(&world).await;
    world.run().await;
    let line = world.replica("a").line.clone();
    // Until all of them have taken their first step, for which they wait for each other.
    world.pass(30).await;
    let all_are_read = || {
        for zone in &zones {
            let at = line.read_at(zone).unwrap();
            assert!(at.elapsed() <= EACH_WITHIN, "{zone}: {:?}", at.elapsed());
        }
    };
    all_are_read();

    world.ask(Command::Start).await;
    let asked = Instant::now();
    world.until("at 10 %", observing(10.0)).await;
    assert!(asked.elapsed() < Duration::from_secs(5 * 60), "{:?}", asked.elapsed());
    world.until("at 50 %", observing(50.0)).await;
    all_are_read();
}

/// As many shifts that are running, and whose second step has no evidence to go by. In every order they come before the
/// one that has. Their zones.
async fn waiting(world: &World) -> Vec<ZoneId> {
    let mut zones = Vec::new();
    for number in 0..MANY {
        let name = format!("idle-{number:03}");
        assert!(*name < *SHIFT);
        let zone = world.zones.create_zone("example.com");
        let record = format!("{name}.example.com");
        world.zones.create_group(&zone, &record, &[("legacy", 100), ("cloud", 0)]);
        let group =
            GroupKey { zone: zone.clone(), name: RecordName::new(&record), record_type: RecordType::A };
        let plan = plan(&name, std::slice::from_ref(&zone)).replace("namespace: Test", "namespace: Silent");
        world.apply(&plan, vec![group]).await;
        world.command(&name, Command::Start).await;
        zones.push(zone);
    }
    zones
}
