//! Whether a history is whole: every event in its place, every hash what its event makes it, and the end where the
//! shift knows it to be.
//!
//! The rows come as the database has them, and are hashed as they came ([`chain`]): no reading of ours stands between.
//! What they cannot show is that everything was computed anew, the shift's row included. For that there is `--head`.

use crossfade_core::{
    chain::{self, Head, Row},
    event::Hash,
};

use crate::{
    args::Output,
    client::Client,
    command::Context,
    failure::{Exit, Failure},
    render,
};

/// `heads` are hashes that some event must have.
pub(super) async fn run(
    context: &Context,
    client: &Client,
    name: Option<String>,
    heads: Vec<String>,
) -> Result<Exit, Failure> {
    let names = match name {
        Some(name) => vec![name],
        None => client.chains().await?,
    };
    let (mut broken, mut missing) = (Vec::new(), heads);
    for name in &names {
        let (rows, found) = match client.chain(name).await {
            Ok((head, rows)) => {
                let found = chain::check(name, &rows, head.as_ref()).map_err(|broken| broken.to_string());
                (rows, found)
            }
            // The daemon cannot show it, and no other is better for that.
            Err(failure) if failure.exit == Exit::Failed && names.len() > 1 => {
                (Vec::new(), Err(format!("the history cannot be read: {failure}")))
            }
            Err(failure) => return Err(failure),
        };
        missing.retain(|head| !rows.iter().any(|row| row.hash == *head));
        show(context, name, &rows, &found)?;
        // Whoever changed a name may have meant it for a terminal.
        broken.extend(found.err().map(|why| format!("{}: {why}", name.escape_debug())));
    }
    broken.extend(missing.iter().map(|head| format!("no event has the hash {}", head.escape_debug())));
    if broken.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Failure::failed("the history was changed")
        .notes(broken)
        .hint("compare with a backup of the database, and with CloudTrail for what was written to Route 53"))
}

fn show(context: &Context, name: &str, rows: &[Row], found: &Result<Head, String>) -> Result<(), Failure> {
    let events = rows.len();
    if context.global.output != Output::Table {
        let answer = serde_json::json!({
            "name": name, "events": events, "intact": found.is_ok(),
            "head": found.as_ref().ok().map(|head| &head.hash), "broken": found.as_ref().err(),
        });
        return render::json(&answer, Output::Jsonl);
    }
    match found {
        Ok(Head { hash: Hash(hash), .. }) => {
            render::line(format!("{name}: {events} events, the chain is whole, head {hash}"))
        }
        Err(_) => Ok(()),
    }
}
