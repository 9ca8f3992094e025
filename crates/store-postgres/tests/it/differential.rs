//! Three stores, one behaviour: what the store in memory does, and the tests of everything else rely on, SQLite and
//! PostgreSQL do, too.
//!
//! Random operations are done on all three, and every answer is compared: what was read, and what was refused, with all
//! that the refusal says. Not compared are the words in which a database refuses what should never be asked of it.
//!
//! For more than what a test run has time for: `DIFFERENTIAL_CASES=2000 cargo test -p crossfade-store-postgres
//! differential`.

mod operation;
mod race;
mod session;

use crossfade_ports::{Store, fake::store::MemoryStore};
use crossfade_store_postgres::{PostgresStore, testing::Server};
use crossfade_store_sqlite::SqliteStore;
use proptest::{
    prelude::ProptestConfig,
    test_runner::{TestCaseError, TestRunner},
};

use self::{
    operation::{Operation, operations},
    session::Session,
};

/// Enough for every pair of operations to come after each other somewhere.
const CASES: u32 = 30;

#[test]
fn all_stores_answer_alike() {
    let Some(server) = Server::shared() else { return };
    let cases = option_env!("DIFFERENTIAL_CASES").and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&operations(), |operations| {
        runtime.block_on(compare(server, &operations)).map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Says where the stores part, if they do.
async fn compare(server: &Server, operations: &[Operation]) -> Result<(), String> {
    let postgres = PostgresStore::connect(&server.database().await).await.unwrap();
    let sqlite = SqliteStore::in_memory().await.unwrap();
    sqlite.migrate().await.unwrap();
    let memory = MemoryStore::new();
    let stores: [(&str, &dyn Store); 3] = [("memory", &memory), ("sqlite", &sqlite), ("postgres", &postgres)];

    let mut session = Session::default();
    let mut parted = None;
    for (index, operation) in operations.iter().enumerate() {
        let request = session.request(operation);
        let mut answers = Vec::new();
        for (_, store) in &stores {
            answers.push(request.of(*store).await);
        }
        session.note(request, &answers[0]);
        if answers.iter().any(|answer| *answer != answers[0]) {
            let said = stores.iter().zip(answers).map(|((name, _), answer)| format!("\n{name}: {answer:?}"));
            parted = Some(format!("operation {index}, {operation:?}:{}", said.collect::<String>()));
            break;
        }
    }
    // A server has a hundred connections.
    postgres.close().await;
    parted.map_or(Ok(()), Err)
}
