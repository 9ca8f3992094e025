//! Probes: whether an endpoint answers to a name as its clients will ask for it.
//!
//! One connection and one GET request a target: straight to its address, with the production name as TLS server name
//! and as host, whatever that name resolves to. No proxy, no redirect, no reuse, and the body of the answer is left
//! unread. The certificate must be valid for the name, for one of the authorities that this machine trusts, or of those
//! in a file beside them.
//!
//! `address` finds where a target is, `ask` asks it, and `words` tells what was wrong.

mod address;
mod ask;
mod words;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use crossfade_core::gate::{ProbeOutcome, ProbeTarget};
use crossfade_ports::Probes;
use futures::StreamExt as _;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::time::Instant;

/// Targets that are asked at the same time.
const AT_ONCE: usize = 16;

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{} has no certificates that can be used: {why}", path.display())]
    Authorities { path: PathBuf, why: String },
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// Asks endpoints over the network.
#[derive(Clone, Debug)]
pub struct Prober {
    /// `None` where no authority is trusted.
    tls: Option<Arc<ClientConfig>>,
}

impl Prober {
    /// Trusts the authorities that this machine trusts, and those of a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate of an authority.
    pub fn new(ca_file: Option<&Path>) -> Result<Prober, Unusable> {
        let mut roots = RootCertStore::empty();
        // One that cannot be understood is as good as one that is not there.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let wrong = |why: String| Unusable::Authorities { path: path.to_owned(), why };
            let mut found = 0;
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                found += 1;
            }
            if found == 0 {
                return Err(wrong("it has none".to_owned()));
            }
        }
        Prober::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> Result<Prober, Unusable> {
        if roots.is_empty() {
            return Ok(Prober { tls: None });
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Every probe shall see the certificate.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Prober { tls: Some(Arc::new(config)) })
    }

    async fn outcome(&self, target: &ProbeTarget) -> ProbeOutcome {
        let timeout = target.ask.timeout.0.unsigned_abs();
        let addresses = match address::of(target, Instant::now() + timeout).await {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        // All at once: a name with dead addresses shall not take many timeouts.
        let asked = addresses.iter().map(async |address| {
            let deadline = Instant::now() + timeout;
            let outcome = ask::ask(target, *address, self.tls.clone(), deadline).await;
            if addresses.len() == 1 { outcome } else { at(outcome, &address.ip().to_string()) }
        });
        together(futures::future::join_all(asked).await)
    }
}

#[async_trait]
impl Probes for Prober {
    async fn probe(&self, targets: &[ProbeTarget]) -> BTreeMap<ProbeTarget, ProbeOutcome> {
        let asked = targets.iter().cloned().map(|target| async move {
            let outcome = self.outcome(&target).await;
            (target, outcome)
        });
        futures::stream::iter(asked.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await
    }
}

/// Of all addresses of a name: one that fails is a failure, because clients are led to it, and one that answers makes
/// up for those to which there is no way from here.
fn together(outcomes: Vec<ProbeOutcome>) -> ProbeOutcome {
    let gravity = |outcome: &ProbeOutcome| match outcome {
        ProbeOutcome::Unknown(_) => 0,
        ProbeOutcome::Fine => 1,
        ProbeOutcome::Failed(_) => 2,
    };
    let nowhere = || ProbeOutcome::Unknown("it has no address".to_owned());
    outcomes.into_iter().max_by_key(gravity).unwrap_or_else(nowhere)
}

fn at(outcome: ProbeOutcome, address: &str) -> ProbeOutcome {
    match outcome {
        ProbeOutcome::Fine => ProbeOutcome::Fine,
        ProbeOutcome::Failed(why) => ProbeOutcome::Failed(format!("{why} ({address})")),
        ProbeOutcome::Unknown(why) => ProbeOutcome::Unknown(format!("{why} ({address})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_addresses_a_failure_counts_before_an_answer_and_an_answer_before_silence() {
        let failed = || ProbeOutcome::Failed("down".to_owned());
        let unknown = || ProbeOutcome::Unknown("no route".to_owned());
        assert_eq!(together(vec![ProbeOutcome::Fine, failed(), unknown()]), failed());
        assert_eq!(together(vec![unknown(), ProbeOutcome::Fine, unknown()]), ProbeOutcome::Fine);
        assert_eq!(together(vec![unknown()]), unknown());
        assert!(matches!(together(Vec::new()), ProbeOutcome::Unknown(_)));
    }
}
