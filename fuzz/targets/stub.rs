//! A service that answers every request with the same bytes, below the SDK: its own readers of XML and CBOR take them
//! apart.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

const STATUSES: [u16; 8] = [200, 200, 200, 200, 400, 403, 404, 503];

#[derive(Clone, Debug)]
struct Stub {
    status: u16,
    header: (&'static str, &'static str),
    body: Vec<u8>,
}

impl HttpConnector for Stub {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = StatusCode::try_from(self.status).expect("a status");
        let mut response = HttpResponse::new(status, SdkBody::from(self.body.clone()));
        response.headers_mut().insert(self.header.0, self.header.1);
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Stub {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// Whose client gets this answer to everything; the first byte chooses its status.
pub fn answering(status: u8, header: (&'static str, &'static str), body: &[u8]) -> SdkConfig {
    let stub = Stub { status: STATUSES[usize::from(status) % STATUSES.len()], header, body: body.to_vec() };
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("eu-west-3"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "fuzz", "fuzz", None, None, "fuzz",
        )))
        .retry_config(RetryConfig::disabled())
        .http_client(stub)
        .build()
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
