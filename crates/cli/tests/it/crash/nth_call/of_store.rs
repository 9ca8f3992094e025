//! The n-th call to the store fails.

use std::sync::Arc;

use futures::future::join_all;

use super::{
    completed, each_call,
    unsteady::{Fault, Lost, Unsteady},
};
use crate::harness::{Backend, World};

/// Calls that the shortest shift makes: it is created and started; it has a baseline, then two writes, each intended,
/// accepted, in sync and confirmed; it is advanced and completed; there is a lease, and a report.
const LEAST: usize = 15;

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_is_completed_whichever_call_to_the_store_fails() {
    let mut ways = vec![(Backend::Sqlite, Lost::Call), (Backend::Sqlite, Lost::Answer)];
    if Backend::all().await.contains(&Backend::Postgres) {
        // A call that no store hears of is the same on all.
        ways.push((Backend::Postgres, Lost::Answer));
    }
    join_all(ways.into_iter().map(|(on, lost)| async move {
        let told = format!("{on:?}, {lost:?} lost");
        let failed = each_call(&told, |nth| shift_with(on, lost, nth)).await;
        println!("{told}: {}", failed.join(", "));
        assert!(failed.len() >= LEAST, "{told}: {failed:?}");
    }))
    .await;
}

async fn shift_with(on: Backend, lost: Lost, nth: u32) -> Option<&'static str> {
    let world = World::quiet(on).await;
    let fault = Fault::new(lost, nth);
    let before = fault.clone();
    let told = format!("{on:?}, {fault:?}");
    completed(&told, &world, move |store| Arc::new(Unsteady::new(store, before.clone()))).await;
    fault.met()
}
