//! The database ends and comes back, in every way in which PostgreSQL can end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossfade_core::{
    event::{Event, Happened},
    shift::Command,
};
use crossfade_store_postgres::testing::{Server, Stop};
use futures::future::join_all;
use tokio::task::block_in_place;

use super::{FOR_EVER, advance, begin, goes_on_to_the_end, insist};
use crate::harness::{DEADLINE, POLL, Process, Replica, World, assert_fences_rise, assert_told};

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
    insist(&other, &["pause", "www"]).await;
    insist(&other, &["resume", "www"]).await;
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
    let Some(server) = block_in_place(Server::start) else { return };
    let (kept, lost) = tokio::join!(under(&server, &FOR_EVER), under(&server, &[]));
    let pairs = [&kept, &lost];
    block_in_place(|| server.stop_by(Stop::Killed));
    for (world, ..) in pairs {
        world.fail_requests();
        world.playground.world().wait_for(|_| world.is_taken_back().then_some(())).await;
    }
    lost.1.doubts().await;
    block_in_place(|| server.restart());
    for (world, _, other) in pairs {
        other.await_phase("www", "reverted").await;
        insist(other, &["history", "verify", "www"]).await;
        assert_fences_rise(world);
        assert!(world.is_taken_back());
    }
    // Who still has the lease tells what it did.
    assert_told(&kept.0, &kept.2, "www", &[25.0, 0.0]).await;
    // Where it was lost, whoever has it next may have found it done.
    let known =
        |what: &Happened| matches!(what, Happened::GateFailed { .. } | Happened::FoundReverted { .. });
    lost.2.await_event("www", "the way back", known).await;
}

/// Two daemons with this in their environments, at the first step.
async fn under(server: &Server, environment: &[(&str, &str)]) -> (World, Replica, Replica) {
    let world = Replica::world_on(server).await;
    let one = Replica::start("one", &world, environment).await;
    one.leads().await;
    let other = Replica::start("other", &world, environment).await;
    begin(&one, &world).await;
    (world, one, other)
}
