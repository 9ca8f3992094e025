//! The database ends and comes back, in every way in which PostgreSQL can end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossfade_core::{
    event::{Event, Happened},
    shift::Command,
};
use crossfade_store_postgres::testing::{Server, Stop};
use futures::future::join_all;
use tokio::task::block_in_place;

use super::{advance, begin, goes_on_to_the_end};
use crate::harness::{DEADLINE, POLL, Process, Replica, assert_fences_rise, assert_told_by_several};

/// Commands that are answered before the database ends again, and after.
const ANSWERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_kept_however_the_database_ends() {
    let Some(server) = block_in_place(Server::start) else { return };
    let world = Replica::world_on(&server).await;
    let (one, other) = Replica::pair(&world).await;
    begin(&one, &world).await;
    let (answered, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
    let more = async || {
        let wanted = answered.load(Ordering::Relaxed) + ANSWERS;
        let answers = async {
            while answered.load(Ordering::Relaxed) < wanted {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(DEADLINE, answers).await.unwrap();
    };
    let ending = async {
        for stop in [Stop::Fast, Stop::Killed, Stop::Immediate] {
            more().await;
            block_in_place(|| server.stop_by(stop));
            block_in_place(|| server.restart());
        }
        more().await;
        enough.store(true, Ordering::Relaxed);
    };
    let asking = async { join_all([&one, &other].map(|daemon| ask(daemon, &answered, &enough))).await };
    let ((), told) = tokio::join!(ending, asking);
    for daemon in [&one, &other] {
        let history = daemon.history("www").await;
        for event in told.iter().flatten() {
            assert!(history.contains(event), "{event:#?} is not in {history:#?}");
        }
    }
    other.done(&["pause", "www"]).await;
    other.done(&["resume", "www"]).await;
    advance(&other, 50.0).await;
    goes_on_to_the_end(&one, &world).await;
}

/// Pauses and resumes, and keeps what was answered. Two that do so now and then refuse each other.
async fn ask(daemon: &Process, answered: &AtomicUsize, enough: &AtomicBool) -> Vec<Event> {
    let (client, mut told) = (daemon.client(), Vec::new());
    for turn in 0_u32.. {
        if enough.load(Ordering::Relaxed) {
            break;
        }
        let command = if turn % 2 == 0 { Command::Pause { freeze: false } } else { Command::Resume };
        if let Ok(done) = client.command("www", command, Some(format!("turn {turn}"))).await {
            told.extend(done.events);
            answered.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(POLL).await;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_takes_the_shift_back_while_there_is_no_database() {
    // With the lease still held afterwards, and lost meanwhile.
    join_all(["10h", "6s"].map(fails_without_a_database)).await;
}

async fn fails_without_a_database(lease: &str) {
    let Some(server) = block_in_place(Server::start) else { return };
    let world = Replica::world_on(&server).await;
    let settings = [("CROSSFADE_ENGINE__LEASE", lease)];
    let one = Replica::start("one", &world, &settings).await;
    one.leads().await;
    let other = Replica::start("other", &world, &settings).await;
    begin(&one, &world).await;
    block_in_place(|| server.stop_by(Stop::Killed));
    world.fail_requests();
    world.playground.world().wait_for(|_| world.is_taken_back().then_some(())).await;
    if lease == "6s" {
        one.doubts().await;
    }
    block_in_place(|| server.restart());
    other.await_phase("www", "reverted").await;
    let is_known = |event: &Event| match &event.what {
        Happened::GateFailed { .. } => true,
        // By the other one, if that was first.
        Happened::FoundReverted { .. } => lease == "6s",
        _ => false,
    };
    let history = other.history("www").await;
    assert!(history.iter().any(is_known), "{history:#?}");
    assert_fences_rise(&world);
    other.done(&["history", "verify", "www"]).await;
    if lease == "10h" {
        assert_told_by_several(&world, &other, "www", &[25.0, 0.0]).await;
    }
    assert!(world.is_taken_back());
}
