//! A file whose triggers were dropped, and whose history was changed.

use crossfade_ports::{
    Store, StoreError,
    conformance::store::{
        sample::shift,
        tampering::{Shell as _, every_attack_is_found, what_cannot_be_read_hides_no_other},
    },
    store::{Filter, Listed},
};
use crossfade_store_sqlite::testing::Shell;

use crate::store;

#[tokio::test]
async fn a_changed_history_is_found() {
    let (store, folder) = store().await;
    let mut shell = Shell::open(&crate::url(&folder)).await;
    every_attack_is_found(&store, &mut shell).await;
}

#[tokio::test]
async fn a_shift_that_cannot_be_read_hides_no_other() {
    let (store, folder) = store().await;
    let mut shell = Shell::open(&crate::url(&folder)).await;
    what_cannot_be_read_hides_no_other(&store, &mut shell).await;
}

/// SQLite takes what is no text for one.
#[tokio::test]
async fn what_is_no_text_hides_no_other() {
    let (store, folder) = store().await;
    for name in ["api", "blog", "shop", "www"] {
        let (shift, events) = shift(name);
        store.create(&shift, &events, None).await.unwrap();
    }
    let mut shell = Shell::open(&crate::url(&folder)).await;
    for (column, name) in [("head", "api"), ("snapshot", "blog"), ("report", "shop")] {
        shell.run(&format!("UPDATE shifts SET {column} = CAST(x'ff' AS TEXT) WHERE name = '{name}'")).await;
    }
    let listed = store.list(&Filter { limit: 10, ..Filter::default() }).await.unwrap().into_iter();
    let (mut whole, mut damaged) = (Vec::new(), Vec::new());
    for Listed { name, found } in listed {
        match found {
            Ok(stored) => whole.push(stored.shift.name),
            Err(StoreError::Inconsistent { table: "shifts", row, .. }) if row == name => damaged.push(name),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert_eq!((whole, damaged), (vec!["shop".into(), "www".into()], vec!["api".into(), "blog".into()]));
}
