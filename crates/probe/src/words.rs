//! What was wrong, in the words of whoever has to mend it.

#![expect(clippy::wildcard_enum_match_arm, reason = "the errors of others may come to be more")]

use std::{error::Error, io};

use crossfade_core::gate::ProbeOutcome;
use jiff::Timestamp;
use rustls::{CertificateError, pki_types::UnixTime};

/// Names of a certificate that are told.
const NAMES: usize = 3;

/// A connection that was not made. What lies on this side of the network says nothing of the target.
pub(crate) fn unconnected(error: &io::Error, port: u16) -> ProbeOutcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            ProbeOutcome::Failed(format!("nobody listens on port {port}: the connection was refused"))
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            ProbeOutcome::Failed("it broke the connection off".to_owned())
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable => {
            ProbeOutcome::Failed(format!("it could not be connected to: {error}"))
        }
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            ProbeOutcome::Unknown(format!("there is no way to it from here: {error}"))
        }
        _ => ProbeOutcome::Unknown(format!("this machine could not connect: {error}")),
    }
}

/// A handshake that came to nothing.
pub(crate) fn refused_handshake(error: &io::Error) -> ProbeOutcome {
    ProbeOutcome::Failed(match tls_error(error) {
        Some(error) => of_tls(error),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection during the TLS handshake".to_owned()
        }
        None => format!("the TLS handshake broke off: {error}"),
    })
}

/// A request that was not answered.
pub(crate) fn unanswered(error: &hyper::Error) -> ProbeOutcome {
    ProbeOutcome::Failed(match tls_error(error) {
        Some(error) => of_tls(error),
        None if error.is_incomplete_message() => "it closed the connection without an answer".to_owned(),
        None if error.is_parse() => "what it answered is not HTTP".to_owned(),
        None => format!("the connection broke off: {error}"),
    })
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(error);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

fn of_tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(wrong) => of_certificate(wrong),
        rustls::Error::AlertReceived(alert) => {
            format!("it refused the TLS handshake: {alert:?}")
        }
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn of_certificate(wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired at {}", instant(*not_after))
        }
        CertificateError::NotValidYet => "its certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate is not valid before {}", instant(*not_before))
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("its certificate is for another name: {}", listed(presented))
        }
        CertificateError::UnknownIssuer => {
            "its certificate is of an issuer that this machine does not trust, or an intermediate certificate is \
             missing"
                .to_owned()
        }
        CertificateError::Revoked => "its certificate is revoked".to_owned(),
        other => format!("its certificate cannot be accepted: {other}"),
    }
}

/// As in `DnsName("a.example.com")`, which is how rustls has them.
fn listed(names: &[String]) -> String {
    let plain = |name: &String| match name.split_once('"').and_then(|(_, rest)| rest.rsplit_once('"')) {
        Some((name, _)) => name.to_owned(),
        None => name.clone(),
    };
    let told: Vec<String> = names.iter().take(NAMES).map(plain).collect();
    match names.len().saturating_sub(NAMES) {
        0 if told.is_empty() => "it names none".to_owned(),
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

fn instant(at: UnixTime) -> String {
    let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
    match Timestamp::from_second(seconds) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => format!("Unix time {seconds}"),
    }
}
