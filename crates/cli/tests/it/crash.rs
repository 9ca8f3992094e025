//! The real binary, killed at every point between an intent and its confirmation, and anywhere else.

mod matrix;
mod nth_call;

use std::time::Duration;

use crossfade_engine::Point;
use futures::future::join_all;
use tokio::sync::Semaphore;

use crate::harness::{Backend, Process, World, assert_told, on_each_store, run};

/// Goes on when it is told to; the last step is proven by several periods after it has settled.
const RAMP: &str = "{ steps: [50, 100], hold: 1h, bake: 1s }";

/// Stays at its first step for as long as the test takes.
const WAITING: &str = "{ steps: [50, 100], hold: 1h }";

/// Worlds that two processors can carry: a shift that is completed waits half a minute for metrics, and nearly nothing
/// is done meanwhile. With many more, requests time out, which is a trouble that nobody asked for.
static AT_ONCE: Semaphore = Semaphore::const_new(64);

const KILLS: u32 = 8;

/// The daemon may be dead before it has answered.
async fn begin(daemon: &Process, plan: &str) {
    let said = daemon.run(&["apply", plan, "--start"]).await;
    assert!(matches!(said.code, 0 | 9), "{said:#?}\n{}", daemon.log());
}

/// To the second step without waiting for the proof. The daemon may be dead before it has answered.
async fn advance(daemon: &Process) {
    daemon.await_share("www", 50.0).await;
    let said = daemon.run(&["advance", "www"]).await;
    assert!(matches!(said.code, 0 | 9), "{said:#?}\n{}", daemon.log());
}

async fn went_up_once(world: &World, daemon: &Process) {
    daemon.await_share("www", 100.0).await;
    assert_told(world, daemon, "www", &[50.0, 100.0]).await;
    assert_eq!(world.weight("legacy"), 0);
}

async fn was_completed(world: &World, daemon: &Process) {
    daemon.await_phase("www", "completed").await;
    went_up_once(world, daemon).await;
}

async fn was_taken_back(world: &World, daemon: &Process) {
    daemon.await_phase("www", "reverted").await;
    assert_told(world, daemon, "www", &[50.0, 0.0]).await;
    assert!(world.is_taken_back());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_in_which_the_daemon_dies_at_every_point_in_turn_is_taken_once() {
    on_each_store(|backend| async move {
        let world = World::quiet(backend).await;
        let stop = |point: Point| [("CROSSFADE_STOP_AT", point.as_str())];
        let [first, rest @ ..] = Point::OF_A_WRITE;
        let mut daemon = Process::start_with(&world, &stop(first)).await;
        begin(&daemon, &world.quiet_plan("www", WAITING)).await;
        daemon.stopped_at_its_point().await;
        for point in rest {
            daemon.spawn_again(&stop(point));
            daemon.stopped_at_its_point().await;
        }
        daemon.restart(&[]).await;
        daemon.await_share("www", 50.0).await;
        assert_told(&world, &daemon, "www", &[50.0]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_that_was_asked_for_ends_although_the_daemon_dies_at_once() {
    on_each_store(|backend| async move {
        let world = World::quiet(backend).await;
        let mut daemon = Process::start(&world).await;
        begin(&daemon, &world.quiet_plan("www", WAITING)).await;
        daemon.await_share("www", 50.0).await;
        daemon.client().command("www", crossfade_core::shift::Command::Revert, None).await.unwrap();
        daemon.kill9();
        daemon.restart(&[]).await;
        was_taken_back(&world, &daemon).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_again_and_again_still_takes_every_step_once() {
    on_each_store(|backend| async move {
        join_all([1, 20_261_201].map(|seed| killed_again_and_again(backend, seed))).await;
    })
    .await;
}

async fn killed_again_and_again(backend: Backend, seed: u64) {
    let world = World::quiet(backend).await;
    let mut daemon = Process::start(&world).await;
    begin(&daemon, &world.quiet_plan("www", RAMP)).await;
    let mut draw = Draw(seed);
    for kill in 1..=KILLS {
        // A write's life is over within half a second.
        let longest = if draw.below(2) == 0 { 300 } else { 3_000 };
        tokio::time::sleep(Duration::from_millis(draw.below(longest))).await;
        daemon.kill9();
        daemon.restart(&[]).await;
        if kill == KILLS / 2 {
            advance(&daemon).await;
        }
    }
    println!("{backend:?}, seed {seed}: killed {KILLS} times");
    was_completed(&world, &daemon).await;
}

/// Numbers that are the same for the same seed: xorshift64*, <https://en.wikipedia.org/wiki/Xorshift>.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

#[tokio::test]
async fn a_point_that_there_is_not_is_named_with_those_that_there_are() {
    let folder = tempfile::TempDir::new().unwrap();
    let environment = [("CROSSFADE_STOP_AT", "in-sinc"), ("CROSSFADE_SERVER__LISTEN", "127.0.0.1:0")];
    let said = run(folder.path(), &environment, &["serve"]).await;
    assert_eq!(said.code, 1, "{said:#?}");
    assert!(said.stderr.starts_with("error: CROSSFADE_STOP_AT=in-sinc names no point"), "{said:#?}");
    for point in Point::ALL {
        assert!(said.stderr.contains(point.as_str()), "{said:#?}");
    }
}
