//! `playground`: the emulated world, for any AWS client and any DNS client.

use std::time::Duration;

use clap::Args;
use crossfade_playground::{Options, Playground, example_world};

use super::Context;
use crate::{
    args::Output,
    failure::{Exit, Failure},
    lifecycle, render,
};

#[derive(Debug, Args)]
pub struct PlaygroundArgs {
    /// Of both AWS services, over HTTP; 0 takes a free one.
    #[arg(long, default_value_t = 9080)]
    port: u16,
    /// Of the DNS server, over UDP and TCP; 0 takes a free one.
    #[arg(long, default_value_t = 9053, value_name = "PORT")]
    dns_port: u16,
    /// How long a change stays PENDING.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration, value_name = "TIME")]
    insync_delay: Duration,
    /// With example.com in it: www.example.com between legacy and cloud, and traffic.
    #[arg(long)]
    example: bool,
}

pub async fn run(context: &Context, args: PlaygroundArgs) -> Result<Exit, Failure> {
    let PlaygroundArgs { port, dns_port, insync_delay, example } = args;
    let stop = lifecycle::on_signal()
        .map_err(|error| Failure::failed("the signals cannot be listened to").because(error))?;
    let options = Options { aws_port: port, dns_port, insync_delay, ..Options::default() };
    let playground = Playground::start(options).await.map_err(|error| {
        Failure::failed("the playground cannot listen")
            .because(error)
            .hint("--port 0 --dns-port 0 takes free ports")
    })?;
    let record = example.then(|| example_world(&playground.world()).record_name);
    match context.global.output {
        Output::Table => render::line(introduction(&playground, record.as_deref()))?,
        output @ (Output::Json | Output::Jsonl) => {
            let dns = playground.dns_addr();
            render::json(
                &serde_json::json!({ "aws_url": playground.aws_url(), "dns": dns.to_string(), "record": record }),
                output,
            )?;
        }
    }
    stop.cancelled().await;
    playground.shutdown().await;
    Ok(Exit::Done)
}

fn introduction(playground: &Playground, record: Option<&str>) -> String {
    let (url, dns) = (playground.aws_url(), playground.dns_addr());
    let name = record.unwrap_or("www.example.com");
    format!(
        "\
Route 53 and CloudWatch   {url}
DNS                       {dns}, over UDP and TCP
control                   {url}/_playground/state

# for any AWS client
export AWS_ENDPOINT_URL_ROUTE_53={url} AWS_ENDPOINT_URL_CLOUDWATCH={url}
export AWS_ACCESS_KEY_ID=playground AWS_SECRET_ACCESS_KEY=playground
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
aws route53 list-hosted-zones

# for the daemon
CROSSFADE_ACCOUNTS__DEFAULT__EMULATOR={url} crossfade serve

# for any DNS client
dig @{} -p {} {name}
",
        dns.ip(),
        dns.port()
    )
}
