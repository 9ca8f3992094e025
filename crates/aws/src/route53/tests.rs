//! Answers that no emulator gives: a server that says exactly what it is told, or nothing.

use std::{
    collections::BTreeSet,
    fmt,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use aws_sdk_route53::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use crossfade_core::{
    RecordName, RecordSet, Routing, ZoneId,
    batch::{Action, Batch, Change},
    event::ChangeId,
};
use crossfade_ports::{SubmitError, Zones, ZonesError};

use super::Route53;

/// Reads requests and gives each this answer; an empty one closes the connection, `None` leaves it open.
fn server(answer: Option<String>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !complete(&seen) {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => seen.extend_from_slice(&buffer[..n]),
                }
            }
            match &answer {
                Some(answer) => stream.write_all(answer.as_bytes()).unwrap_or_default(),
                None => open.push(stream),
            }
        }
    });
    address
}

/// Closes every connection before anything is said.
fn hanging_up() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    address
}

/// Whether a request has its body.
fn complete(seen: &[u8]) -> bool {
    let text = String::from_utf8_lossy(seen).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.split("content-length: ").nth(1).and_then(|tail| tail.lines().next()?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

fn http(status: &str, body: &str) -> Option<String> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nx-amzn-requestid: req-1\r\n");
    Some(format!("{head}connection: close\r\n\r\n{body}"))
}

fn error(status: &str, code: &str, message: &str) -> Option<String> {
    let detail = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
    http(status, &format!("<ErrorResponse>{detail}<RequestId>req-1</RequestId></ErrorResponse>"))
}

/// Longer than any machine is busy.
const PATIENCE: Duration = Duration::from_secs(60);

async fn client(url: &str, credentials: impl ProvideCredentials + 'static) -> Route53 {
    impatient(url, credentials, PATIENCE).await
}

async fn impatient(url: &str, credentials: impl ProvideCredentials + 'static, patience: Duration) -> Route53 {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(patience).build();
    let http =
        aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .credentials_provider(credentials);
    Route53::new(Client::new(&config.load().await))
}

async fn answering(answer: Option<String>) -> Route53 {
    // Only who never answers is not waited for.
    let patience = if answer.is_some() { PATIENCE } else { Duration::from_millis(300) };
    impatient(&format!("http://{}", server(answer)), credentials(), patience).await
}

fn credentials() -> Credentials {
    Credentials::new("A", "B", Some("TOKEN".to_owned()), None, "test")
}

fn batch(routing: Routing) -> Batch {
    let set = RecordSet {
        name: RecordName::new("www.example.com"),
        record_type: "A".to_owned(),
        routing,
        ttl_seconds: Some(60),
        values: vec!["192.0.2.1".to_owned()],
        alias: None,
        health_check_id: None,
        traffic_policy_instance_id: None,
    };
    let changes = vec![Change { action: Action::Create, set }];
    Batch { zone: ZoneId("Z1".to_owned()), comment: "test".to_owned(), changes }
}

async fn submitted(route53: &Route53) -> SubmitError {
    route53.submit(&batch(Routing::Simple)).await.unwrap_err()
}

/// The variant's name, which is all that a decision depends on.
fn word(error: &impl fmt::Debug) -> String {
    format!("{error:?}").split('(').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_answer_to_a_batch_is_put_into_words() {
    let page = "<html>Bad Gateway</html>";
    let cases = [
        (error("400 Bad Request", "InvalidChangeBatch", "[not current]"), "Refused"),
        (error("400 Bad Request", "InvalidInput", "no"), "Refused"),
        (error("404 Not Found", "NoSuchHealthCheck", "no"), "Refused"),
        (error("404 Not Found", "NoSuchHostedZone", "no"), "NoSuchZone"),
        (error("400 Bad Request", "PriorRequestNotComplete", "busy"), "Busy"),
        (error("400 Bad Request", "Throttling", "Rate exceeded"), "Throttled"),
        (error("400 Bad Request", "ThrottlingException", "Rate exceeded"), "Throttled"),
        (error("403 Forbidden", "AccessDenied", "no"), "Denied"),
        (error("403 Forbidden", "ExpiredToken", "no"), "Denied"),
        (error("500 Internal Server Error", "InternalFailure", "oops"), "Unanswered"),
        (error("503 Service Unavailable", "ServiceUnavailable", "later"), "Unanswered"),
        (http("502 Bad Gateway", page), "Unanswered"),
        (http("404 Not Found", page), "Unanswered"),
        (http("200 OK", page), "Unanswered"),
        (http("200 OK", ""), "Unanswered"),
        (Some(String::new()), "Unanswered"),
        (None, "Unanswered"),
    ];
    for (answer, expected) in cases {
        let error = submitted(&answering(answer.clone()).await).await;
        assert_eq!(word(&error), expected, "{answer:?} became {error:?}");
    }
}

#[tokio::test]
async fn a_refusal_gives_every_reason_and_the_request() {
    let body = "<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>first</Message>\
                <messages><Message>first</Message><Message>second</Message></messages></Error>\
                <RequestId>req-1</RequestId></ErrorResponse>";
    let SubmitError::Refused(text) = submitted(&answering(http("400 Bad Request", body)).await).await else {
        panic!("not refused")
    };
    assert_eq!(text, "InvalidChangeBatch: first (request req-1); second");
}

#[tokio::test]
async fn what_never_left_was_not_sent() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = client(&format!("http://{free}"), credentials()).await;
    let not_tls = client(&format!("https://{}", hanging_up()), credentials()).await;
    let late = || CredentialsError::provider_timed_out(Duration::from_secs(5));
    let slow = client(&format!("http://{free}"), Without(late)).await;
    for (name, route53) in [("refused", refused), ("no TLS", not_tls), ("no credentials yet", slow)] {
        let error = submitted(&route53).await;
        assert_eq!(word(&error), "NotSent", "{name} became {error:?}");
        assert!(!error.to_string().contains("TOKEN"), "{error}");
    }
    let none =
        client(&format!("http://{free}"), Without(|| CredentialsError::not_loaded("none found"))).await;
    assert_eq!(word(&submitted(&none).await), "Denied");
}

#[tokio::test]
async fn another_routing_policy_is_never_written() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let route53 = client(&format!("http://{free}"), credentials()).await;
    let error = route53.submit(&batch(Routing::Other("Failover".to_owned()))).await.unwrap_err();
    assert_eq!(word(&error), "Refused");
    assert!(error.to_string().contains("routed by Failover"), "{error}");
}

#[tokio::test]
async fn every_failed_read_is_put_into_words() {
    let endless = "<ListResourceRecordSetsResponse><ResourceRecordSets></ResourceRecordSets>\
                   <IsTruncated>true</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>";
    let cases = [
        (error("404 Not Found", "NoSuchHostedZone", "no"), "NoSuchZone"),
        (error("400 Bad Request", "Throttling", "Rate exceeded"), "Throttled"),
        (error("403 Forbidden", "AccessDenied", "no"), "Denied"),
        (error("400 Bad Request", "InvalidInput", "no"), "Unavailable"),
        (error("503 Service Unavailable", "ServiceUnavailable", "later"), "Unavailable"),
        (http("200 OK", "<html/>"), "Unavailable"),
        (http("200 OK", endless), "Unavailable"),
        (Some(String::new()), "Unavailable"),
        (None, "Unavailable"),
    ];
    let names = BTreeSet::from([RecordName::new("www.example.com")]);
    for (answer, expected) in cases {
        let error = answering(answer.clone()).await.read(&ZoneId("Z1".to_owned()), &names).await;
        assert_eq!(error.as_ref().map_err(word), Err(expected.to_owned()), "{answer:?} became {error:?}");
    }
}

#[tokio::test]
async fn changes_and_zones_that_are_not_there_are_told_apart() {
    let change = answering(error("404 Not Found", "NoSuchChange", "no")).await;
    let answer = change.change(&ChangeId("C1".to_owned())).await;
    assert_eq!(answer, Err(ZonesError::NoSuchChange("C1".to_owned())));
    let strange = "<GetChangeResponse><ChangeInfo><Id>/change/C1</Id><Status>LOST</Status>\
                   <SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt></ChangeInfo></GetChangeResponse>";
    let answer = answering(http("200 OK", strange)).await.change(&ChangeId("C1".to_owned())).await;
    assert_eq!(answer.as_ref().map_err(word), Err("Unavailable".to_owned()), "{answer:?}");
    let name = answering(error("400 Bad Request", "InvalidDomainName", "no")).await;
    assert_eq!(name.find("not a name").await, Ok(Vec::new()));
}

/// Where no credentials come from, and why.
struct Without(fn() -> CredentialsError);

impl fmt::Debug for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Without")
    }
}

impl ProvideCredentials for Without {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}
