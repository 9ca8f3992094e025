//! The ready-made world, until Ctrl-C.

use crossfade_playground::{Options, Playground, example_world};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let playground = Playground::start(Options::default()).await?;
    let example = example_world(&playground.world());
    println!("AWS endpoint  {}", playground.aws_url());
    println!("control       {}/_playground/state", playground.aws_url());
    println!("zone          {} with {}", example.zone_id, example.record_name);
    println!(
        "DNS           dig @{} -p {} {}",
        playground.dns_addr().ip(),
        playground.dns_addr().port(),
        example.record_name
    );
    tokio::signal::ctrl_c().await?;
    playground.shutdown().await;
    Ok(())
}
