//! Three stores, one behaviour: what the store in memory does, and the tests of everything else rely on, SQLite and
//! PostgreSQL do, too.
//!
//! Random operations are done on all three, and every answer is compared: what was read, and what was refused, with all
//! that the refusal says. Not compared are the words in which a database refuses what should never be asked of it.
//!
//! For more than what a test run has time for: `DIFFERENTIAL_CASES=2000 cargo test -p crossfade-store-postgres
//! differential`. What fails says which seed it was.

mod concurrent;
mod operation;
mod race;
mod seeded;
mod session;

use crossfade_ports::{Store, fake::store::MemoryStore};
use crossfade_store_postgres::{PostgresStore, testing::Server};
use crossfade_store_sqlite::SqliteStore;
use proptest::test_runner::TestCaseError;

use self::{
    operation::{Operation, operations},
    seeded::Seeded,
    session::Session,
};

#[test]
fn all_stores_answer_alike() {
    let cases = Seeded::new();
    let Some(server) = Server::shared() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    cases.run(&operations(), |operations| {
        runtime.block_on(compare(server, &operations)).map_err(TestCaseError::fail)
    });
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
