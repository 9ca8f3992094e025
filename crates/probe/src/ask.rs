//! One question to one address.

use std::{net::SocketAddr, pin::pin, sync::Arc};

use crossfade_core::{
    gate::{ProbeOutcome, ProbeTarget},
    plan::Scheme,
};
use http_body_util::Empty;
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::words;

/// By which operators find probes in their logs.
const AGENT: &str = concat!("crossfade-probe/", env!("CARGO_PKG_VERSION"));

pub(crate) async fn ask(
    target: &ProbeTarget,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    deadline: Instant,
) -> ProbeOutcome {
    match answer(target, address, tls, deadline).await {
        Ok(status) if target.ask.takes(status.as_u16()) => ProbeOutcome::Fine,
        Ok(status) => ProbeOutcome::Failed(format!("it answered with status {}", status.as_u16())),
        Err(outcome) => outcome,
    }
}

async fn answer(
    target: &ProbeTarget,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    deadline: Instant,
) -> Result<StatusCode, ProbeOutcome> {
    let late = |what: &str| ProbeOutcome::Failed(format!("{what} within {}", target.ask.timeout));
    let stream = timeout_at(deadline, TcpStream::connect(address))
        .await
        .map_err(|_| late("it could not be connected to"))?
        .map_err(|error| words::unconnected(&error, address.port()))?;
    let answered = async {
        match target.ask.scheme {
            Scheme::Http => status(stream, target).await,
            Scheme::Https => {
                let no_authority = "no certificate authority is trusted by this machine: install its \
                                    ca-certificates, or name a file as probe.ca_file";
                let config = tls.ok_or_else(|| ProbeOutcome::Unknown(no_authority.to_owned()))?;
                let name = ServerName::try_from(target.name.clone()).map_err(|_| {
                    ProbeOutcome::Unknown(format!("{} cannot be asked for in TLS", target.name))
                })?;
                let shaken = timeout_at(deadline, TlsConnector::from(config).connect(name, stream)).await;
                let stream = shaken
                    .map_err(|_| late("it did not finish the TLS handshake"))?
                    .map_err(|error| words::refused_handshake(&error))?;
                status(stream, target).await
            }
        }
    };
    timeout_at(deadline, answered).await.map_err(|_| late("it did not answer"))?
}

async fn status<S>(stream: S, target: &ProbeTarget) -> Result<StatusCode, ProbeOutcome>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ask = &target.ask;
    let usual = match ask.scheme {
        Scheme::Https => 443,
        Scheme::Http => 80,
    };
    let host =
        if ask.port() == usual { target.name.clone() } else { format!("{}:{}", target.name, ask.port()) };
    let request = Request::get(ask.path.as_str())
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| ProbeOutcome::Unknown(format!("it cannot be asked for: {error}")))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| words::unanswered(&error))?;
    let mut response = pin!(sender.send_request(request));
    let answered = tokio::select! {
        biased;
        answered = &mut response => answered,
        // Whoever closes the connection after the answer has answered.
        _ = connection => response.await,
    };
    answered.map(|response| response.status()).map_err(|error| words::unanswered(&error))
}
