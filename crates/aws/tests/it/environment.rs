//! What the environment says to every AWS program is heard here too: endpoints, credentials, profiles, roles.
//!
//! An environment belongs to a process. So each case runs one of the tests at the end of this file in a process of
//! its own, and looks at the requests that came out of it.

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    sync::{Arc, Mutex},
};

use crossfade_aws::{AccountConfig, ConnectError, connect, connect_route53};
use crossfade_core::gate::{MetricQuery, Provider};
use crossfade_ports::Zones as _;
use jiff::{SignedDuration, Timestamp};

#[test]
fn endpoints_of_services_come_from_the_environment() {
    let (route53, cloudwatch) = (Recorder::start(), Recorder::start());
    let endpoints = [
        ("AWS_ENDPOINT_URL_ROUTE_53", route53.url.as_str()),
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &cloudwatch.url),
    ];
    run("plain", &[&KEYS[..], &endpoints[..], &[("AWS_REGION", "eu-west-3")]].concat());
    let listing = route53.only();
    assert!(listing.contains("get /2013-04-01/hostedzonesbyname"), "{listing}");
    assert!(listing.contains("credential=akenvironment/"), "{listing}");
    assert!(listing.contains("/us-east-1/route53/aws4_request"), "{listing}");
    let readings = cloudwatch.requests();
    assert!(readings.iter().all(|reading| reading.contains("/operation/getmetricdata")), "{readings:?}");
    for region in ["eu-west-3", "ap-south-1"] {
        let signed = format!("/{region}/monitoring/aws4_request");
        assert_eq!(readings.iter().filter(|reading| reading.contains(&signed)).count(), 1, "{readings:?}");
    }
}

#[test]
fn one_endpoint_for_everything_comes_from_the_environment() {
    let all = Recorder::start();
    run(
        "plain",
        &[&KEYS[..], &[("AWS_ENDPOINT_URL", all.url.as_str()), ("AWS_REGION", "eu-west-3")]].concat(),
    );
    assert_eq!(all.requests().len(), 3);
}

#[test]
fn a_profile_gives_region_credentials_and_endpoints() {
    let all = Recorder::start();
    let directory = env!("CARGO_TARGET_TMPDIR");
    let file = format!("{directory}/profile-{}", std::process::id());
    let keys = "aws_access_key_id = AKPROFILE\naws_secret_access_key = secret";
    std::fs::write(
        &file,
        format!("[profile prod]\nregion = eu-north-1\nendpoint_url = {}\n{keys}\n", all.url),
    )
    .unwrap();
    run("profile", &[("AWS_CONFIG_FILE", file.as_str())]);
    let requests = all.requests();
    assert!(requests.iter().all(|request| request.contains("credential=akprofile/")), "{requests:?}");
    assert!(requests.iter().any(|request| request.contains("/eu-north-1/monitoring/")), "{requests:?}");
}

#[test]
fn a_role_is_assumed_with_its_external_id_and_a_telling_name() {
    let (sts, others) = (Recorder::start(), Recorder::start());
    let endpoints = [("AWS_ENDPOINT_URL", others.url.as_str()), ("AWS_ENDPOINT_URL_STS", &sts.url)];
    run("role", &[&KEYS[..], &endpoints[..]].concat());
    let asked = sts.only();
    for part in [
        "action=assumerole&",
        "role%2fcrossfade",
        "externalid=told",
        "rolesessionname=crossfade-prod",
        "/eu-west-3/sts/",
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
    let requests = others.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.contains("credential=asiarole/")), "{requests:?}");
}

#[test]
fn an_account_without_a_region_has_route_53_and_no_metrics() {
    let all = Recorder::start();
    run("nowhere", &[&KEYS[..], &[("AWS_ENDPOINT_URL", all.url.as_str())]].concat());
    let listing = all.only();
    assert!(listing.contains("/us-east-1/route53/aws4_request"), "{listing}");
}

#[test]
fn a_role_needs_no_region_for_route_53() {
    let (sts, others) = (Recorder::start(), Recorder::start());
    let endpoints = [("AWS_ENDPOINT_URL", others.url.as_str()), ("AWS_ENDPOINT_URL_STS", &sts.url)];
    run("role_nowhere", &[&KEYS[..], &endpoints[..]].concat());
    assert!(sts.only().contains("action=assumerole&"));
    assert!(others.only().contains("credential=asiarole/"));
}

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "secret-of-the-environment")];

/// Runs one of the ignored tests below with nothing but this environment.
fn run(case: &str, environment: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", &format!("environment::alone::{case}")]).env_clear();
    // Nothing of the machine's own configuration.
    command.envs([("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")]);
    command.env("AWS_EC2_METADATA_DISABLED", "true").envs(environment.iter().copied());
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

/// Keeps what it is asked, in lower case. It assumes roles, knows no zone, and forbids metrics.
struct Recorder {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn start() -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = Vec::new();
                let mut buffer = [0; 4096];
                while !complete(&bytes) {
                    match stream.read(&mut buffer) {
                        Ok(0) | Err(_) => break,
                        Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                    }
                }
                let request = String::from_utf8_lossy(&bytes).to_lowercase();
                let answer = answer(&request);
                kept.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).unwrap_or_default();
            }
        });
        Recorder { url, seen }
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn only(&self) -> String {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.concat()
    }
}

fn complete(seen: &[u8]) -> bool {
    let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&seen[..end]).to_lowercase();
    let length =
        head.split("content-length: ").nth(1).and_then(|tail| tail.lines().next()?.trim().parse().ok());
    seen.len() - end - 4 >= length.unwrap_or(0)
}

fn answer(request: &str) -> String {
    let (status, body) = if request.contains("action=assumerole") {
        (
            "200 OK",
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
             <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
             <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        )
    } else if request.contains("hostedzonesbyname") {
        (
            "200 OK",
            "<ListHostedZonesByNameResponse><HostedZones></HostedZones><IsTruncated>false</IsTruncated>\
             <MaxItems>100</MaxItems></ListHostedZonesByNameResponse>",
        )
    } else {
        ("403 Forbidden", "")
    };
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// One request to Route 53, and one to CloudWatch in each of two regions.
async fn use_account(config: AccountConfig) {
    let account = connect(&config, "prod").await.unwrap();
    assert_eq!(account.zones.find("example.com").await, Ok(Vec::new()));
    let query = MetricQuery {
        region: None,
        namespace: "N".to_owned(),
        metric: "M".to_owned(),
        dimensions: Default::default(),
        period_seconds: 60,
        statistic: Default::default(),
        provider: Provider::CloudWatch,
    };
    let elsewhere = MetricQuery { region: Some("ap-south-1".to_owned()), ..query.clone() };
    let from: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
    let answers = account.metrics.read(&[query, elsewhere], from, from + SignedDuration::from_mins(1)).await;
    let forbidden = |why: &String| why.contains("403");
    assert!(answers.values().all(|series| series.incomplete.as_ref().is_some_and(forbidden)), "{answers:?}");
}

mod alone {
    use super::*;

    #[tokio::test]
    #[ignore = "run by another test, with an environment"]
    async fn plain() {
        use_account(AccountConfig::default()).await;
    }

    #[tokio::test]
    #[ignore = "run by another test, with an environment"]
    async fn profile() {
        use_account(AccountConfig { profile: Some("prod".to_owned()), ..AccountConfig::default() }).await;
    }

    #[tokio::test]
    #[ignore = "run by another test, with an environment"]
    async fn role() {
        use_account(AccountConfig {
            role_arn: Some("arn:aws:iam::123456789012:role/crossfade".to_owned()),
            external_id: Some("told".to_owned()),
            region: Some("eu-west-3".to_owned()),
            ..AccountConfig::default()
        })
        .await;
    }

    #[tokio::test]
    #[ignore = "run by another test, with an environment"]
    async fn nowhere() {
        let error = connect(&AccountConfig::default(), "prod").await.err();
        assert_eq!(error, Some(ConnectError::NoRegion { account: "prod".to_owned() }));
        let zones = connect_route53(&AccountConfig::default(), "prod").await.unwrap();
        assert_eq!(zones.find("example.com").await, Ok(Vec::new()));
    }

    #[tokio::test]
    #[ignore = "run by another test, with an environment"]
    async fn role_nowhere() {
        let role_arn = Some("arn:aws:iam::123456789012:role/crossfade".to_owned());
        let config = AccountConfig { role_arn, ..AccountConfig::default() };
        let zones = connect_route53(&config, "prod").await.unwrap();
        assert_eq!(zones.find("example.com").await, Ok(Vec::new()));
    }
}
