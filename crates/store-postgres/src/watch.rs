//! LISTEN and NOTIFY: a hint that something was changed, so that another replica need not wait for its next poll.
//!
//! Without a payload, outside the writing transaction and never relied upon: a notification inside a transaction takes
//! a lock that all committing sessions share, and a transaction pooler forgets who listens.

use std::time::Duration;

use crossfade_ports::StoreError;
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use crate::{
    error::StoreErrorExt,
    pool::{self, TRUSTED_IDLE, ask, tried, within},
};

const CHANNEL: &str = "crossfade";

/// Between attempts to listen. Until then there is polling.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A hint that takes longer comes too late to be one.
const ANNOUNCE_WITHIN: Duration = Duration::from_millis(500);

pub(crate) async fn announce(pool: &PgPool) {
    let announced = sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL);
    let announced = ask(pool, async |connection| announced.execute(connection).await);
    // Nobody waits for it: whoever does not hear it polls.
    let _ = timeout(ANNOUNCE_WITHIN, announced).await;
}

/// Listens at a URL that leads to the server itself, and says `Ok` whenever somebody says that something was changed,
/// `Err` whenever it cannot listen for the time being. A hint: it may be lost. Never ends by itself.
///
/// Not through a transaction pooler: it would go on listening for whoever gets the session next.
pub async fn watch(url: &str, heard: impl Fn(Result<(), StoreError>)) {
    loop {
        let Err(error) = listen(url, &heard).await;
        heard(Err(error));
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn listen(
    url: &str,
    heard: impl Fn(Result<(), StoreError>),
) -> Result<std::convert::Infallible, StoreError> {
    let options = pool::options(url)?;
    let mut listener = within(async {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(AGAIN_AFTER)
            .connect_with(options)
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        // Whoever listens anew says so.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    })
    .await?;
    // Something may have been missed until here.
    heard(Ok(()));
    loop {
        match timeout(TRUSTED_IDLE, listener.try_recv()).await {
            Ok(received) => match received.store_error()? {
                Some(_) => heard(Ok(())),
                None => {
                    let what = "the connection was lost".to_owned();
                    return Err(StoreError::Unavailable { what, source: None });
                }
            },
            // Nobody has changed anything, or the server has vanished without a word. In that case what is dropped here
            // is closed when the kernel gives up, which nobody waits for.
            Err(_) => {
                tried(sqlx::query("SELECT 1").execute(&mut listener)).await.store_error()?;
            }
        }
    }
}
