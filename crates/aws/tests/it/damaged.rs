//! Answers that were damaged on their way, below the SDK: its own readers of XML and CBOR take them apart. Nothing
//! panics, nothing is called complete that is not, and every number stands in the answer.
//!
//! What is damaged are the seeds of the fuzz targets (`fuzz/README.md`); what an answer says is judged by a second
//! reader, which shares no code with the SDK's.

mod cbor;
mod cloudwatch;
mod route53;
mod xml;

use std::{fmt, fs, path::Path};

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
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

/// Enough for each byte of the smaller seeds. It takes three seconds.
const CASES: u32 = 2000;

/// As in the fuzz targets: the first byte of a seed chooses one of these.
const STATUSES: [u16; 8] = [200, 200, 200, 200, 400, 403, 404, 503];

/// What a service answers to every request.
#[derive(Clone)]
struct Answer {
    status: u16,
    header: (&'static str, &'static str),
    body: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Damage {
    /// The connection ended here, and nobody noticed.
    Cut(Index),
    Byte(Index, u8),
    Bit(Index, u8),
    Lost(Index, usize),
    Repeated(Index, usize),
    /// Some pieces from one tag to another; two are an element without others in it.
    LostTags(Index, usize),
    /// A bit of what stands between tags.
    Text(Index, u8),
    Status(u16),
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() }
}

/// A seed of a fuzz target, and what happened to it.
fn damaged(
    service: &'static str,
    header: (&'static str, &'static str),
) -> impl Strategy<Value = (String, Vec<Damage>, Answer)> {
    let seeds = seeds(service);
    let damage = prop_oneof![
        2 => any::<Index>().prop_map(Damage::Cut),
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        4 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Bit(at, bit)),
        2 => (any::<Index>(), 1..12_usize).prop_map(|(at, length)| Damage::Lost(at, length)),
        1 => (any::<Index>(), 1..40_usize).prop_map(|(at, length)| Damage::Repeated(at, length)),
        4 => (any::<Index>(), select(&[1, 2, 2, 2, 4][..])).prop_map(|(at, tags)| Damage::LostTags(at, tags)),
        4 => (any::<Index>(), 0..5_u8).prop_map(|(at, bit)| Damage::Text(at, bit)),
        1 => select(&STATUSES[..]).prop_map(Damage::Status),
    ];
    (select(seeds), vec(damage, 0..3)).prop_map(move |((name, seed), damages)| {
        let status = STATUSES[usize::from(seed[0]) % STATUSES.len()];
        let mut answer = Answer { status, header, body: seed[1..].to_vec() };
        damages.iter().for_each(|damage| answer.suffer(damage));
        (name, damages, answer)
    })
}

fn seeds(service: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(service);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut seeds: Vec<_> = files.map(|path| (name(&path), fs::read(path).unwrap())).collect();
    seeds.sort();
    assert!(seeds.len() > 5, "the seeds were not found");
    seeds
}

/// A failure is read by people.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.body.escape_ascii())
    }
}

impl Answer {
    fn suffer(&mut self, damage: &Damage) {
        let body = &mut self.body;
        if body.is_empty() {
            return;
        }
        let up_to = |at: usize, length: usize, body: &[u8]| at..(at + length).min(body.len());
        match damage {
            Damage::Cut(at) => body.truncate(at.index(body.len())),
            Damage::Byte(at, byte) => {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            Damage::Bit(at, bit) => {
                let at = at.index(body.len());
                body[at] ^= 1 << bit;
            }
            Damage::Lost(at, length) => {
                let range = up_to(at.index(body.len()), *length, body);
                body.drain(range);
            }
            Damage::Repeated(at, length) => {
                let range = up_to(at.index(body.len()), *length, body);
                let again = body[range.clone()].to_vec();
                body.splice(range.start..range.start, again);
            }
            Damage::LostTags(at, count) => {
                let tags: Vec<usize> = (0..body.len()).filter(|at| body[*at] == b'<').collect();
                if !tags.is_empty() {
                    let first = at.index(tags.len());
                    let end = tags.get(first + count).copied().unwrap_or(body.len());
                    body.drain(tags[first]..end);
                }
            }
            Damage::Text(at, bit) => {
                let mut inside = false;
                let mut letters = Vec::new();
                for (position, byte) in body.iter().enumerate() {
                    inside = *byte == b'>' || (inside && *byte != b'<');
                    if inside && *byte != b'>' {
                        letters.push(position);
                    }
                }
                if !letters.is_empty() {
                    body[letters[at.index(letters.len())]] ^= 1 << bit;
                }
            }
            Damage::Status(status) => self.status = *status,
        }
    }

    fn is_success(&self) -> bool {
        self.status == 200
    }

    fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("A", "B", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-3"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build()
    }
}

impl HttpConnector for Answer {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = StatusCode::try_from(self.status).unwrap();
        let mut response = HttpResponse::new(status, SdkBody::from(self.body.clone()));
        response.headers_mut().insert(self.header.0, self.header.1);
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for Answer {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}
