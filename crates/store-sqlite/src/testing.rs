//! Whoever owns the file, for tests: what no code of the store would ever do.

#![expect(clippy::unwrap_used, reason = "a statement that fails is a failed test")]

use async_trait::async_trait;
use crossfade_ports::conformance::store::tampering;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

#[derive(Debug)]
pub struct Shell(SqliteConnection);

impl Shell {
    pub async fn open(url: &str) -> Shell {
        Shell(SqliteConnection::connect(url).await.unwrap())
    }
}

#[async_trait]
impl tampering::Shell for Shell {
    async fn disarm(&mut self) {
        let without = "PRAGMA foreign_keys = OFF;
            DROP TRIGGER events_are_not_updated; DROP TRIGGER events_are_not_deleted;
            DROP TRIGGER events_follow_each_other; DROP TRIGGER shifts_are_not_deleted;
            DROP TRIGGER shifts_are_not_renamed; DROP TRIGGER shifts_are_not_replaced";
        self.run(without).await;
    }

    async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.0).await.unwrap();
    }
}
