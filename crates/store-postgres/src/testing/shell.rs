//! Whoever owns the database, for tests: what no code of the store would ever do.

use async_trait::async_trait;
use crossfade_ports::conformance::store::tampering;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

#[derive(Debug)]
pub struct Shell(PgConnection);

impl Shell {
    pub async fn open(url: &str) -> Shell {
        Shell(PgConnection::connect(url).await.unwrap())
    }
}

#[async_trait]
impl tampering::Shell for Shell {
    /// Foreign keys are triggers, too.
    async fn disarm(&mut self) {
        self.run("ALTER TABLE events DISABLE TRIGGER ALL; ALTER TABLE shifts DISABLE TRIGGER ALL").await;
    }

    async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.0).await.unwrap();
    }
}
