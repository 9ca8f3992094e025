//! A standby is promoted that has not got the last commits. What they recorded is in the zones all the same.

use crossfade_core::shift::{Cause, Command};
use crossfade_store_postgres::testing::{Server, Stop};
use futures::future::join_all;
use tokio::task::block_in_place;

use super::{FOR_EVER, advance, begin, insist};
use crate::harness::{Process, Replica, World, assert_fences_rise};

/// Two servers, of which the second is the first one's standby.
struct Cluster {
    primary: Server,
    standby: Server,
}

impl Cluster {
    fn start() -> Option<Cluster> {
        block_in_place(|| {
            let primary = Server::start()?;
            let standby = primary.standby();
            Some(Cluster { primary, standby })
        })
    }

    /// Two daemons, of which the first has begun the shift.
    async fn pair(&self) -> (World, Replica, Replica) {
        let world = Replica::world_on(&self.primary).await;
        let (one, other) = Replica::pair(&world).await;
        begin(&one, &world).await;
        (world, one, other)
    }

    /// What is committed from now on will be lost.
    async fn falls_behind(&self) {
        self.primary.awaits(&self.standby).await;
        self.standby.fall_behind().await;
    }

    /// To the standby, and these with it.
    async fn fails_over(&self, replicas: impl IntoIterator<Item = &Replica>) {
        block_in_place(|| self.primary.stop_by(Stop::Killed));
        self.standby.promote().await;
        replicas.into_iter().for_each(|replica| self.is_followed_by(replica));
    }

    fn is_followed_by(&self, replica: &Replica) {
        replica.database.redirect(self.standby.address());
        replica.database.heal();
    }
}

/// Nobody takes the zone for what the history says.
async fn drifts(daemon: &Process) {
    let drifts = |hold: &crossfade_core::shift::Hold| hold.cause == Cause::Drift;
    daemon.await_shift("www", "held for drift", |shift| shift.holds.iter().any(drifts)).await;
}

async fn is_sound(world: &World, daemon: &Process) {
    assert_fences_rise(world);
    insist(daemon, &["history", "verify", "www"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_the_promoted_standby_does_not_know_holds_the_shift_until_a_person_decides() {
    let Some(cluster) = Cluster::start() else { return };
    let decisions = [Command::Adopt, Command::Reassert, Command::Revert];
    let pairs = join_all(decisions.map(|_| cluster.pair())).await;
    cluster.falls_behind().await;
    join_all(pairs.iter().map(|(_, one, _)| advance(one, 50.0))).await;
    cluster.fails_over(pairs.iter().flat_map(|(_, one, other)| [one, other])).await;
    join_all(pairs.iter().zip(decisions).map(|((world, one, other), decision)| async move {
        decides(world, other, decision).await;
        is_sound(world, one).await;
    }))
    .await;
}

async fn decides(world: &World, other: &Replica, decision: Command) {
    drifts(other).await;
    assert!((world.share() - 50.0).abs() < 0.5, "nothing was written over it");
    insist(other, &[decision.verb(), "www"]).await;
    if decision == Command::Revert {
        other.await_phase("www", "reverted").await;
        assert!(world.is_taken_back());
        return;
    }
    let (from, to) = if decision == Command::Reassert { (25.0, 50.0) } else { (50.0, 100.0) };
    // What the history says may be as wanted before the zone is.
    other.await_shift("www", "no longer held", |shift| shift.holds.is_empty()).await;
    other.await_share("www", from).await;
    advance(other, to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fences_do_not_go_back_when_the_promoted_standby_forgot_who_has_the_lease() {
    let Some(cluster) = Cluster::start() else { return };
    let (world, mut one, other) = cluster.pair().await;
    cluster.falls_behind().await;
    one.process.kill9();
    let epoch = other.leads().await;
    advance(&other, 50.0).await;
    cluster.fails_over([&one, &other]).await;
    one.process.restart(&[]).await;
    drifts(&one).await;
    insist(&one, &["adopt", "www"]).await;
    one.await_shift("www", "no longer held", |shift| shift.holds.is_empty()).await;
    one.await_share("www", 50.0).await;
    advance(&one, 100.0).await;
    let shown = world.zones().filter_map(|zone| world.fence_in(zone)).collect::<String>();
    assert!((epoch..epoch + 5).any(|epoch| shown.contains(&format!(" epoch={epoch} "))), "{shown}");
    is_sound(&world, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_does_not_build_on_events_that_a_failover_lost() {
    let Some(cluster) = Cluster::start() else { return };
    let world = Replica::world_on(&cluster.primary).await;
    // Nobody else gets it: the promoted standby knows the lease.
    let one = Replica::start("one", &world, &FOR_EVER).await;
    one.leads().await;
    let other = Replica::start("other", &world, &FOR_EVER).await;
    begin(&one, &world).await;
    cluster.falls_behind().await;
    advance(&one, 50.0).await;
    let lost = one.client().shift("www").await.unwrap().version;
    one.database.hold();
    cluster.fails_over([&other]).await;
    // As many events as were lost, and others.
    let mut verbs = ["pause", "resume"].into_iter().cycle();
    while other.await_shift("www", "there", |_| true).await.version < lost {
        insist(&other, &[verbs.next().unwrap(), "www"]).await;
    }
    assert_eq!(other.await_shift("www", "there", |_| true).await.version, lost);
    cluster.is_followed_by(&one);
    one.leads().await;
    world.fail_requests();
    other.await_phase("www", "reverted").await;
    assert!(world.is_taken_back());
    is_sound(&world, &other).await;
}
