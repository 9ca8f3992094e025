//! A database whose triggers were disabled by a superuser, and whose history was changed.

use crossfade_ports::conformance::store::tampering::{
    every_attack_is_found, what_cannot_be_read_hides_no_other,
};
use crossfade_store_postgres::testing::Shell;

use crate::store;

#[tokio::test]
async fn a_changed_history_is_found() {
    let Some((store, url)) = store().await else { return };
    let mut shell = Shell::open(&url).await;
    every_attack_is_found(&store, &mut shell).await;
}

#[tokio::test]
async fn a_shift_that_cannot_be_read_hides_no_other() {
    let Some((store, url)) = store().await else { return };
    let mut shell = Shell::open(&url).await;
    what_cannot_be_read_hides_no_other(&store, &mut shell).await;
}
