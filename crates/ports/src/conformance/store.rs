//! What a store must do, case by case.
//!
//! `store_suite!(setup())` makes a test of each, where `setup` is async and gives an `Option` of an empty store and
//! something to keep alive with it; `None` where that store cannot be had, which is for `setup` to say.

#![expect(clippy::unwrap_used, reason = "a suite is tests")]

mod keys;
mod leases;
mod reading;
pub mod sample;
pub mod tampering;
mod writing;

use crossfade_core::{
    event::Event,
    shift::{Command, Shift},
};

use self::sample::{commanded, first_step};
pub use self::{keys::*, leases::*, reading::*, writing::*};
use crate::store::{Filter, Head, Listed, Store, Stored};

#[macro_export]
macro_rules! store_suite {
    ($setup:expr) => {
        $crate::store_suite! { $setup =>
            an_installation_has_one_name
            what_is_absent
            created_is_loaded
            a_name_is_taken_once
            a_record_group_has_one_owner
            a_refused_shift_claims_nothing
            cancelling_frees_the_records
            releasing_frees_the_records
            a_commit_moves_on
            a_stale_commit_is_refused
            a_commit_on_another_history_is_refused
            a_commit_without_events_is_refused
            a_history_has_no_gaps
            a_key_is_recalled
            a_key_of_another_request_is_refused
            a_key_used_by_the_same_request_is_a_conflict
            a_key_is_told_before_the_name
            a_key_is_forgotten_after_a_day
            a_refused_commit_leaves_nothing
            of_racing_commits_one_wins
            of_racing_claims_one_wins
            of_racing_requests_with_one_key_one_wins
            lists_are_in_order_and_paged
            lists_are_filtered
            claims_are_known
            active_shifts_are_known
            reports_are_kept_beside
            events_are_read_in_parts
            the_chain_of_hashes_holds
            chains_are_read_in_parts
            a_snapshot_is_the_fold
            odd_text_comes_back
            large_events_come_back
            a_lease_has_one_holder
            a_lease_may_be_acquired_anew_by_its_holder
            of_racing_replicas_one_holds
            a_lease_runs_out
            what_has_run_out_is_not_renewed
            a_renewed_lease_lasts
            a_released_lease_is_free_at_once
            epochs_are_above_what_was_seen
            a_stale_holder_writes_nothing
            who_has_run_out_writes_nothing
            replicas_come_and_go
        }
    };
    ($setup:expr => $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                if let Some((store, _alive)) = $setup.await {
                    $crate::conformance::store::$case(&store).await;
                }
            }
        )*
    };
}

fn all() -> Filter {
    Filter { limit: 1000, ..Filter::default() }
}

async fn created(store: &dyn Store, (shift, events): (Shift, Vec<Event>)) -> (Shift, Vec<Event>) {
    store.create(&shift, &events, None).await.unwrap();
    (shift, events)
}

async fn committed(store: &dyn Store, before: &Shift, (shift, events): (Shift, Vec<Event>)) -> Shift {
    store.commit(&Head::of(before), &shift, &events, None, None).await.unwrap();
    shift
}

/// Started, and confirmed at its first step.
async fn moved(store: &dyn Store, born: &Shift) -> Shift {
    let mut present = committed(store, born, commanded(born, Command::Start, 1)).await;
    for step in first_step(&present) {
        present = committed(store, &present, step).await;
    }
    present
}

async fn loaded(store: &dyn Store, name: &str) -> Stored {
    store.load(name).await.unwrap().unwrap()
}

async fn history(store: &dyn Store, name: &str) -> Vec<Event> {
    store.events(name, 0, 1000).await.unwrap()
}

/// The names of shifts that can all be read.
async fn listed(store: &dyn Store, filter: &Filter) -> Vec<String> {
    let listed = store.list(filter).await.unwrap().into_iter();
    let name = |Listed { name, found }| {
        assert_eq!(found.unwrap().shift.name, name);
        name
    };
    listed.map(name).collect()
}
