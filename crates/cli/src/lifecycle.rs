//! When to stop: a first signal asks, a second one insists.

use std::{io, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the daemon may take to finish what it is at before it stops anyway. A write to Route 53 is answered or
/// given up well within this, and systemd and Kubernetes kill after a little more.
pub const GRACE: Duration = Duration::from_secs(20);

/// SIGINT and SIGTERM, taken from the moment this is made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next signal's name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// A token that the first signal cancels; the second signal, or the end of [`GRACE`], ends the process.
pub fn on_signal() -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut signals = Signals::new()?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping; once more stops at once");
        cancelled.cancel();
        tokio::select! {
            name = signals.next() => tracing::warn!(signal = name, "stopped at once"),
            () = tokio::time::sleep(GRACE) => tracing::error!("stopped: it took too long to stop by itself"),
        }
        // What was intended is in the store, so that the next start finishes it.
        std::process::exit(1);
    });
    Ok(token)
}
