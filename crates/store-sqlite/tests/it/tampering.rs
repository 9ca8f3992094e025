//! A copy of the file, with its triggers dropped and its history changed.

use crossfade_ports::{
    Store,
    conformance::store::tampering::{ATTACKS, Attack, broken_at, histories},
    store::row::EventRow,
};
use sqlx::{Connection, Row, SqliteConnection};

use crate::store;

const WITHOUT_DEFENCES: &str = "BEGIN;
    DROP TRIGGER events_are_not_updated;
    DROP TRIGGER events_are_not_deleted;
    DROP TRIGGER events_follow_each_other";

#[tokio::test]
async fn a_changed_history_is_found() {
    let (store, folder) = store().await;
    histories(&store).await;
    let head = store.load("www").await.unwrap().unwrap().shift.head;
    let copy = folder.path().join("copy.db").display().to_string();
    let mut shell = SqliteConnection::connect(&crate::url(&folder)).await.unwrap();
    sqlx::query("VACUUM INTO ?1").bind(&copy).execute(&mut shell).await.unwrap();

    let mut thief = SqliteConnection::connect(&format!("sqlite://{copy}")).await.unwrap();
    assert_eq!(broken_at("www", &rows(&mut thief).await), None);
    for Attack { what, sql, found_at } in ATTACKS {
        sqlx::raw_sql(WITHOUT_DEFENCES).execute(&mut thief).await.unwrap();
        sqlx::raw_sql(*sql).execute(&mut thief).await.unwrap();
        let rows = rows(&mut thief).await;
        assert_eq!(broken_at("www", &rows), *found_at, "{what}");
        // Without its end a history is whole; only the shift's row still knows another newest hash.
        assert!(found_at.is_some() || rows.last().unwrap().hash != head.0, "{what}");
        sqlx::raw_sql("ROLLBACK").execute(&mut thief).await.unwrap();
    }
}

async fn rows(shell: &mut SqliteConnection) -> Vec<EventRow> {
    let rows = sqlx::query("SELECT * FROM events WHERE shift = 'www' ORDER BY seq");
    let row = |row: sqlx::sqlite::SqliteRow| EventRow {
        seq: row.get("seq"),
        at: row.get("at"),
        kind: row.get("kind"),
        actor: row.get("actor"),
        reason: row.get("reason"),
        data: row.get("data"),
        hash: row.get("hash"),
    };
    rows.fetch_all(shell).await.unwrap().into_iter().map(row).collect()
}
