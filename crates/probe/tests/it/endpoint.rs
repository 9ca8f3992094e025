//! Servers on loopback that answer every request in the same way, and what they were asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use crossfade_core::{
    gate::{Family, ProbeTarget},
    plan::{Probe, Scheme},
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

pub(crate) const NAME: &str = "www.example.com";

/// What comes after the request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These bytes, and the end of the connection.
    Bytes(String),
    /// Nothing, ever.
    Never,
}

/// It runs as long as the runtime of its test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The head of each request.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    scheme: Scheme,
}

pub(crate) fn status(status: u16) -> Answer {
    Answer::Bytes(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"))
}

impl Server {
    pub(crate) async fn http(answer: Answer) -> Server {
        Server::start(Scheme::Http, move |stream, asked| serve(stream, answer.clone(), asked)).await
    }

    pub(crate) async fn https(answer: Answer, certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Server {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der()));
        let chain: Vec<CertificateDer<'static>> = vec![certificate.cert.der().clone()];
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Server::start(Scheme::Https, move |stream, asked| {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                    asked.lock().unwrap().push(format!("server name {name}"));
                    serve(stream, answer, asked).await;
                }
            }
        })
        .await
    }

    async fn start<F>(
        scheme: Scheme,
        serve: impl Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> F + Send + 'static,
    ) -> Server
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone()));
            }
        });
        Server { address, asked, scheme }
    }

    pub(crate) fn target(&self) -> ProbeTarget {
        target(self.address, self.scheme)
    }
}

pub(crate) fn target(address: SocketAddr, scheme: Scheme) -> ProbeTarget {
    let ask = Probe { port: Some(address.port()), scheme, ..Probe::default() };
    ProbeTarget { name: NAME.to_owned(), host: address.ip().to_string(), family: Family::Any, ask }
}

/// A port of loopback on which nobody listens.
pub(crate) async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn serve<S>(mut stream: S, answer: Answer, asked: Arc<Mutex<Vec<String>>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    asked.lock().unwrap().push(String::from_utf8(head).unwrap());
    match answer {
        Answer::Bytes(bytes) => {
            // Whoever has gone does not want it any more.
            let _ = stream.write_all(bytes.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Answer::Never => std::future::pending().await,
    }
}
