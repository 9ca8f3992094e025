//! The crash matrix: the real binary dies at a point, once or twice in a row, while Route 53 misbehaves, on each store.
//!
//! | | point | `CROSSFADE_STOP_AT` |
//! |---|---|---|
//! | C1 | decided, not committed | `before-intent` |
//! | C2 | committed, not sent | `intent-committed` |
//! | C3 | sent, what became of it not committed | `answered` |
//! | C4 | the answer committed, Route 53 propagating | `accepted-committed` |
//! | C5 | in sync, not read back | `in-sync-committed` |
//! | C6 | confirmed, nobody told yet | `confirmed-committed` |
//! | C7 | C2 to C5 in a revert | the same |
//! | C8 | a lease renewed by the store, its holder not knowing | `lease-renewed` |
//! | C9 | before and after the migration of the schema | `migrating`, `migrated` |
//!
//! The second death in a row comes when the next process takes the shift up where the first one left it. What was sent
//! and not committed is for the store what was only committed: after C3, the second death is at `intent-committed`.
//!
//! A case of C1 to C6, C8 and C9 is a whole shift: the daemon dies in both of its steps, with a trouble in each.

use std::time::Duration;

use crossfade_core::shift::Command;
use crossfade_engine::Point;
use crossfade_playground::{Fault, FaultKind};
use futures::future::join_all;

use super::{AT_ONCE, RAMP, begin, was_completed, was_taken_back};
use crate::harness::{Backend, LEASE, Process, World};

const OF_A_REVERT: [Point; 4] =
    [Point::IntentCommitted, Point::Answered, Point::AcceptedCommitted, Point::InSyncCommitted];

/// By then the next daemon has the lease, and has written for itself.
const BEYOND_THE_LEASE: Duration = LEASE.saturating_add(Duration::from_secs(2));

/// What becomes of the first batch of a write.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Applied; nobody hears of it.
    LostAnswer,
    /// It arrives twice; the answer is that to the second copy, a refusal.
    Duplicate,
    /// Its connection breaks; it arrives when the daemon's lease is over.
    Late,
    /// Too many requests.
    Throttled,
}

impl Trouble {
    const ALL: [Trouble; 4] = [Trouble::LostAnswer, Trouble::Duplicate, Trouble::Late, Trouble::Throttled];

    /// One for each of two steps.
    const PAIRS: [[Trouble; 2]; 2] =
        [[Trouble::LostAnswer, Trouble::Late], [Trouble::Duplicate, Trouble::Throttled]];

    fn awaits(self, world: &World) {
        let kind = match self {
            Trouble::LostAnswer => FaultKind::LostAfterApply,
            Trouble::Duplicate => FaultKind::Duplicate,
            Trouble::Late => FaultKind::DelayedArrival { delay: BEYOND_THE_LEASE },
            Trouble::Throttled => FaultKind::Throttle,
        };
        world.playground.world().arm(Fault::next(kind).on("ChangeResourceRecordSets"));
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    backend: Backend,
    point: Point,
    deaths: u32,
}

impl Case {
    /// Every store, point and number of deaths.
    async fn of(points: &[Point]) -> Vec<Case> {
        let backends = Backend::all().await.into_iter();
        backends
            .flat_map(|backend| points.iter().map(move |point| (backend, *point)))
            .flat_map(|(backend, point)| [2, 1].map(|deaths| Case { backend, point, deaths }))
            .collect()
    }

    /// Waits until the daemon has died as often as it is to.
    async fn dies(&self, daemon: &mut Process) {
        daemon.stopped_at_its_point().await;
        let again = if self.point == Point::Answered { Point::IntentCommitted } else { self.point };
        for _ in 1..self.deaths {
            daemon.spawn_again(&stop_at(again.as_str()));
            daemon.stopped_at_its_point().await;
        }
    }
}

fn stop_at(point: &str) -> [(&str, &str); 1] {
    [("CROSSFADE_STOP_AT", point)]
}

async fn each<I, T: Future<Output = ()>>(cases: Vec<Case>, troubles: &[I], case: impl Fn(Case, I) -> T)
where
    I: Copy,
{
    let all = cases.iter().flat_map(|one| troubles.iter().map(move |trouble| (*one, *trouble)));
    join_all(all.map(async |(one, trouble)| {
        let _permit = AT_ONCE.acquire().await.unwrap();
        case(one, trouble).await;
    }))
    .await;
}

/// The daemon may be dead before it has answered.
async fn advance(daemon: &Process) {
    let _ = daemon.client().command("www", Command::Advance, None).await;
}

/// Ends the daemon in order, so that the next one need not wait for the lease.
async fn handed_over(daemon: &mut Process) {
    daemon.await_share("www", 50.0).await;
    assert!(daemon.terminate().await.success(), "{}", daemon.log());
}

/// What is still on its way has arrived, too.
async fn all_has_arrived(world: &World) {
    world.playground.world().wait_for(|world| (world.under_way() == 0).then_some(())).await;
    assert_eq!(world.playground.world().armed(), [], "the trouble was met");
}

async fn completes(world: &World, daemon: &Process) {
    daemon.await_phase("www", "completed").await;
    all_has_arrived(world).await;
    was_completed(world, daemon).await;
}

/// C1 to C6.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_in_a_troubled_step_takes_it_once() {
    each(Case::of(&Point::OF_A_WRITE).await, &Trouble::PAIRS, |case, [first, second]| async move {
        let world = World::calm(case.backend.url().await).await;
        first.awaits(&world);
        let mut daemon = Process::start_with(&world, &stop_at(case.point.as_str())).await;
        begin(&daemon, &world.quiet_plan("www", RAMP)).await;
        case.dies(&mut daemon).await;
        daemon.restart(&[]).await;

        handed_over(&mut daemon).await;
        second.awaits(&world);
        // It takes the shift up where the first step was confirmed.
        let nth = if case.point == Point::ConfirmedCommitted { 2 } else { 1 };
        daemon.restart(&stop_at(&format!("{}:{nth}", case.point.as_str()))).await;
        advance(&daemon).await;
        case.dies(&mut daemon).await;
        daemon.restart(&[]).await;
        completes(&world, &daemon).await;
    })
    .await;
}

/// C7.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_in_a_troubled_revert_ends_it() {
    each(Case::of(&OF_A_REVERT).await, &Trouble::ALL, |case, trouble| async move {
        let world = World::calm(case.backend.url().await).await;
        // The first is the step's.
        let stop = format!("{}:2", case.point.as_str());
        let mut daemon = Process::start_with(&world, &stop_at(&stop)).await;
        begin(&daemon, &world.quiet_plan("www", RAMP)).await;
        daemon.await_share("www", 50.0).await;
        trouble.awaits(&world);
        world.fail_requests();
        case.dies(&mut daemon).await;
        daemon.restart(&[]).await;
        daemon.await_phase("www", "reverted").await;
        all_has_arrived(&world).await;
        was_taken_back(&world, &daemon).await;
    })
    .await;
}

/// C8: the process that dies is one that found the write under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_while_its_lease_is_renewed_goes_on_with_its_write() {
    each(Case::of(&[Point::LeaseRenewed]).await, &Trouble::PAIRS, |case, [first, second]| async move {
        let world = World::calm(case.backend.url().await).await;
        let mut daemon = Process::start(&world).await;
        let mut written = 0;
        for (step, trouble) in [first, second].into_iter().enumerate() {
            trouble.awaits(&world);
            world.delay_sync(Duration::MAX);
            if step == 0 {
                begin(&daemon, &world.quiet_plan("www", RAMP)).await;
            } else {
                advance(&daemon).await;
            }
            written = world.applied_after(written).await;
            assert!(daemon.terminate().await.success(), "{}", daemon.log());
            daemon.spawn_again(&stop_at(case.point.as_str()));
            case.dies(&mut daemon).await;
            world.delay_sync(Duration::ZERO);
            daemon.restart(&[]).await;
            if step == 0 {
                daemon.await_share("www", 50.0).await;
            }
        }
        completes(&world, &daemon).await;
    })
    .await;
}

/// C9: once on an empty database, and in each step between a death and what comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_at_a_migration_starts_again_and_goes_on_with_its_write() {
    let points = [Point::Migrating, Point::Migrated];
    each(Case::of(&points).await, &Trouble::PAIRS, |case, [first, second]| async move {
        let world = World::calm(case.backend.empty_url().await).await;
        let (stop, sent) = (stop_at(case.point.as_str()), stop_at(Point::Answered.as_str()));
        let mut daemon = Process::spawn(&world, &stop);
        case.dies(&mut daemon).await;

        first.awaits(&world);
        daemon.restart(&sent).await;
        begin(&daemon, &world.quiet_plan("www", RAMP)).await;
        daemon.stopped_at_its_point().await;
        daemon.spawn_again(&stop);
        case.dies(&mut daemon).await;
        daemon.restart(&[]).await;

        handed_over(&mut daemon).await;
        second.awaits(&world);
        daemon.restart(&sent).await;
        advance(&daemon).await;
        daemon.stopped_at_its_point().await;
        daemon.spawn_again(&stop);
        case.dies(&mut daemon).await;
        daemon.restart(&[]).await;
        completes(&world, &daemon).await;
    })
    .await;
}
