//! Daemons that leave: asked to, or not.

use super::{FOR_EVER, advance, begin, goes_on_to_the_end};
use crate::harness::{Backend, Process, Replica, World, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_asked_to_stop_hands_over_at_once() {
    let Some(world) = Replica::world().await else { return };
    let mut one = Replica::start("one", &world, &FOR_EVER).await;
    let epoch = one.leads().await;
    let other = Replica::start("other", &world, &FOR_EVER).await;
    begin(&one, &world).await;
    assert!(one.process.terminate().await.success());
    assert_eq!(other.leads().await, epoch + 1);
    advance(&other, 50.0).await;
    // And back.
    one.process.restart(&FOR_EVER).await;
    other.leads().await;
    goes_on_to_the_end(&one, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_is_replaced_when_its_lease_has_run_out() {
    let Some(world) = Replica::world().await else { return };
    let (mut one, other) = Replica::pair(&world).await;
    begin(&one, &world).await;
    one.process.kill9();
    other.leads().await;
    advance(&other, 50.0).await;
    one.process.restart(&[]).await;
    goes_on_to_the_end(&one, &world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_a_sqlite_file_does_not_start_and_says_who_has_it() {
    let world = World::quiet(Backend::Sqlite).await;
    let mut first = Process::start(&world).await;
    let refused = run(world.folder.path(), &[], &["serve"]).await;
    assert_eq!(refused.code, 1, "{refused:#?}");
    let who = format!("in use by process {} on ", first.id());
    assert!(refused.stderr.contains(&who), "{refused:#?}");
    assert!(refused.stderr.contains("hint: a SQLite file has one daemon"), "{refused:#?}");
    begin(&first, &world).await;
    // Whoever dies leaves it to the next.
    first.kill9();
    first.restart(&[]).await;
    advance(&first, 50.0).await;
}
