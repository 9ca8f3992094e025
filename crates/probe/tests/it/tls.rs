//! Certificates that are right, and certificates that are wrong in one way each.

use std::path::Path;

use crossfade_core::{
    gate::{ProbeOutcome, ProbeTarget},
    plan::{Scheme, Span},
};
use crossfade_ports::Probes;
use crossfade_probe::{Prober, Unusable};
use jiff::SignedDuration;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, DnType, IsCa, KeyPair, date_time_ymd,
};

use crate::endpoint::{Answer, NAME, Server, status};

/// An authority, and a prober that trusts it besides those of the machine.
struct World {
    authority: CertifiedIssuer<'static, KeyPair>,
    prober: Prober,
}

impl World {
    fn new() -> World {
        let authority = authority("Ours");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, authority.pem()).unwrap();
        World { authority, prober: Prober::new(Some(&file)).unwrap() }
    }

    fn certificate(&self, name: &str, valid: (i32, i32)) -> CertifiedKey<KeyPair> {
        issued(&self.authority, name, valid)
    }

    async fn server(&self, answer: Answer) -> Server {
        Server::https(answer, &self.certificate(NAME, NOW)).await
    }

    async fn outcome(&self, target: &ProbeTarget) -> ProbeOutcome {
        self.prober.probe(std::slice::from_ref(target)).await.remove(target).unwrap()
    }

    #[track_caller]
    fn failed(&self, outcome: &ProbeOutcome, wanted: &str) {
        assert_eq!(outcome, &ProbeOutcome::Failed(wanted.to_owned()));
    }
}

/// The years from which and until which a certificate is valid.
const NOW: (i32, i32) = (2000, 2999);

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issued(
    by: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    (from, until): (i32, i32),
) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let signing_key = KeyPair::generate().unwrap();
    CertifiedKey { cert: params.signed_by(&signing_key, by).unwrap(), signing_key }
}

#[tokio::test]
async fn a_certificate_that_is_valid_for_the_name_is_fine() {
    let world = World::new();
    let server = world.server(status(200)).await;
    assert_eq!(world.outcome(&server.target()).await, ProbeOutcome::Fine);
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked[0], format!("server name {NAME}"));
    let host = format!("host: {NAME}:{}\r\n", server.address.port());
    assert!(asked[1].contains(&host), "{asked:?}");
}

#[tokio::test]
async fn a_wildcard_is_good_for_the_label_that_stands_for_it() {
    let world = World::new();
    let server = Server::https(status(200), &world.certificate("*.example.com", NOW)).await;
    let target = ProbeTarget { name: "crossfade-probe.example.com".to_owned(), ..server.target() };
    assert_eq!(world.outcome(&target).await, ProbeOutcome::Fine);
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_apart() {
    let world = World::new();
    let stranger = authority("Somebody else's");
    for (certificate, wanted) in [
        (
            world.certificate("cloud.example.com", NOW),
            "its certificate is for another name: cloud.example.com",
        ),
        (world.certificate(NAME, (2000, 2020)), "its certificate expired at 2020-01-01T00:00:00Z"),
        (world.certificate(NAME, (2990, 2999)), "its certificate is not valid before 2990-01-01T00:00:00Z"),
        (
            issued(&stranger, NAME, NOW),
            "its certificate is of an issuer that this machine does not trust, or an intermediate certificate is \
             missing",
        ),
    ] {
        let server = Server::https(status(200), &certificate).await;
        world.failed(&world.outcome(&server.target()).await, wanted);
        // It is turned away before it is asked for anything.
        let asked = server.asked.lock().unwrap().concat();
        assert!(!asked.contains("GET"), "{asked}");
    }
}

#[tokio::test]
async fn what_is_wrong_besides_is_told_apart() {
    let world = World::new();
    let ill = world.server(status(503)).await;
    world.failed(&world.outcome(&ill.target()).await, "it answered with status 503");
    let plain = Server::http(status(200)).await;
    let mut target = plain.target();
    target.ask.scheme = Scheme::Https;
    target.ask.timeout = Span(SignedDuration::from_millis(300));
    // It waits for the end of a line that TLS does not have.
    world.failed(&world.outcome(&target).await, "it did not finish the TLS handshake within 300ms");
    let silent = world.server(Answer::Never).await;
    let mut target = silent.target();
    target.ask.timeout = Span(SignedDuration::from_secs(1));
    world.failed(&world.outcome(&target).await, "it did not answer within 1s");
}

#[test]
fn a_file_of_authorities_has_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let wrong = |path: &Path| match Prober::new(Some(path)) {
        Err(Unusable::Authorities { path: named, .. }) => named == path,
        Err(Unusable::Tls(_)) | Ok(_) => false,
    };
    assert!(wrong(&file));
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&file, text).unwrap();
        assert!(wrong(&file), "{text:?}");
    }
}
