//! A file whose triggers were dropped, and whose history was changed.

use crossfade_ports::conformance::store::tampering::every_attack_is_found;
use crossfade_store_sqlite::testing::Shell;

use crate::store;

#[tokio::test]
async fn a_changed_history_is_found() {
    let (store, folder) = store().await;
    let mut shell = Shell::open(&crate::url(&folder)).await;
    every_attack_is_found(&store, &mut shell).await;
}
