//! Without TLS: the suite of the port, and what a request looks like.

use async_trait::async_trait;
use crossfade_core::{
    gate::{Family, ProbeOutcome, ProbeTarget},
    plan::{Scheme, Span},
};
use crossfade_ports::{
    Probes,
    conformance::probes::{Endpoint, ProbesWorld},
};
use crossfade_probe::Prober;
use jiff::SignedDuration;

use crate::endpoint::{Answer, Server, nowhere, status, target};

struct World(Prober);

impl World {
    async fn new() -> World {
        World(Prober::new(None).unwrap())
    }
}

#[async_trait]
impl ProbesWorld for World {
    fn probes(&self) -> &dyn Probes {
        &self.0
    }

    async fn target(&self, endpoint: Endpoint) -> ProbeTarget {
        match endpoint {
            Endpoint::Answers(code) => Server::http(status(code)).await.target(),
            Endpoint::Absent => target(nowhere().await, Scheme::Http),
        }
    }
}

crossfade_ports::probes_suite!(World::new());

async fn outcome(target: &ProbeTarget) -> ProbeOutcome {
    let prober = Prober::new(None).unwrap();
    prober.probe(std::slice::from_ref(target)).await.remove(target).unwrap()
}

#[track_caller]
fn failed(outcome: &ProbeOutcome, wanted: &str) {
    assert_eq!(outcome, &ProbeOutcome::Failed(wanted.to_owned()));
}

#[tokio::test]
async fn the_request_has_the_production_name_and_the_path() {
    let server = Server::http(status(200)).await;
    let mut target = server.target();
    target.ask.path = "/healthz?deep=1".to_owned();
    assert_eq!(outcome(&target).await, ProbeOutcome::Fine);
    let asked = server.asked.lock().unwrap().concat();
    let (port, version) = (server.address.port(), env!("CARGO_PKG_VERSION"));
    let wanted = format!(
        "GET /healthz?deep=1 HTTP/1.1\r\nhost: www.example.com:{port}\r\nuser-agent: crossfade-probe/{version}\r\n\
         accept: */*\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(asked, wanted);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Server::http(status(503)).await;
    let location = format!("http://{}/", elsewhere.address);
    let redirect = format!("HTTP/1.1 301 X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    let server = Server::http(Answer::Bytes(redirect)).await;
    assert_eq!(outcome(&server.target()).await, ProbeOutcome::Fine);
    assert!(elsewhere.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_name_is_resolved_when_it_is_probed() {
    let server = Server::http(status(200)).await;
    let mut target = ProbeTarget { host: "localhost".to_owned(), family: Family::V4, ..server.target() };
    assert_eq!(outcome(&target).await, ProbeOutcome::Fine);
    target.host = "nowhere.invalid".to_owned();
    let outcome = outcome(&target).await;
    assert!(matches!(&outcome, ProbeOutcome::Unknown(why) if why.contains("resolved")), "{outcome:?}");
}

#[tokio::test]
async fn a_record_gives_its_own_kind_of_address_only() {
    let server = Server::http(status(200)).await;
    let target = ProbeTarget { family: Family::V6, ..server.target() };
    let none = "it has no address of the kind that its record gives".to_owned();
    assert_eq!(outcome(&target).await, ProbeOutcome::Unknown(none));
}

#[tokio::test]
async fn what_is_wrong_is_told_apart() {
    failed(&outcome(&Server::http(status(503)).await.target()).await, "it answered with status 503");
    let closed = Server::http(Answer::Bytes(String::new())).await;
    failed(&outcome(&closed.target()).await, "it closed the connection without an answer");
    let odd = Server::http(Answer::Bytes("220 mail.example.com ESMTP\r\n\r\n".to_owned())).await;
    failed(&outcome(&odd.target()).await, "what it answered is not HTTP");
    let absent = target(nowhere().await, Scheme::Http);
    let wanted = format!("nobody listens on port {}: the connection was refused", absent.ask.port());
    failed(&outcome(&absent).await, &wanted);
    let silent = Server::http(Answer::Never).await;
    let mut target = silent.target();
    target.ask.timeout = Span(SignedDuration::from_millis(200));
    failed(&outcome(&target).await, "it did not answer within 200ms");
}
