//! A copy of the database, with its triggers disabled by a superuser and its history changed.

use crossfade_ports::{
    Store,
    conformance::store::tampering::{ATTACKS, Attack, broken_at, histories},
    store::row::EventRow,
};
use crossfade_store_postgres::testing::Server;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::store;

const WITHOUT_DEFENCES: &str = "BEGIN; ALTER TABLE events DISABLE TRIGGER ALL";

#[tokio::test]
async fn a_changed_history_is_found() {
    let Some((store, url)) = store().await else { return };
    histories(&store).await;
    let head = store.load("www").await.unwrap().unwrap().shift.head;
    // A database in use cannot be copied.
    store.close().await;
    let database = url.rsplit('/').next().unwrap();
    let server = Server::shared().unwrap();
    let mut shell = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let copy = format!("CREATE DATABASE stolen_{database} TEMPLATE {database}");
    sqlx::raw_sql(AssertSqlSafe(copy)).execute(&mut shell).await.unwrap();

    let mut thief = PgConnection::connect(&server.url(&format!("stolen_{database}"))).await.unwrap();
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

async fn rows(shell: &mut PgConnection) -> Vec<EventRow> {
    let rows = sqlx::query("SELECT * FROM events WHERE shift = 'www' ORDER BY seq");
    let row = |row: sqlx::postgres::PgRow| EventRow {
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
