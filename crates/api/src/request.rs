//! What comes with a request besides its path: who asks, on which version, and under which key.

mod body;

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header, request::Parts},
};
use crossfade_core::event::Actor;
use crossfade_ports::store::IdempotencyKey;
use serde::de::DeserializeOwned;

use crate::{App, BODY_MAX_BYTES, Code, types::Problem};

pub(crate) use self::body::clean_reason;

/// A request that changes something.
pub(crate) struct Change {
    pub(crate) actor: Actor,
    pub(crate) if_match: Option<Tags>,
    pub(crate) key: Option<IdempotencyKey>,
    content_type: Option<String>,
    body: Bytes,
}

/// The versions named by `If-Match` or `If-None-Match`. What is no version of ours matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    Any,
    Versions(Vec<u64>),
}

/// Segments of the path.
pub(crate) struct Segments<T>(pub(crate) T);

/// Parameters of the query.
pub(crate) struct Params<T>(pub(crate) T);

static ACTOR: HeaderName = HeaderName::from_static("x-crossfade-actor");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// As long as names of people get in directories.
const ACTOR_MAX: usize = 128;

/// A UUID has 36, a hash 64.
const KEY_MAX: usize = 128;

impl Tags {
    pub(crate) fn read(headers: &HeaderMap, name: HeaderName) -> Option<Tags> {
        let text = headers.get(name)?.to_str().unwrap_or_default();
        if text.trim() == "*" {
            return Some(Tags::Any);
        }
        let version = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').parse().ok();
        Some(Tags::Versions(text.split(',').filter_map(version).collect()))
    }

    pub(crate) fn matches(&self, version: u64) -> bool {
        match self {
            Tags::Any => true,
            Tags::Versions(versions) => versions.contains(&version),
        }
    }
}

impl FromRequest<Arc<App>> for Change {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Change, Problem> {
        let headers = request.headers();
        let (actor, key) = (actor(headers)?, key(headers)?);
        let content_type = text(headers, &header::CONTENT_TYPE)?.map(Cow::into_owned);
        let if_match = Tags::read(headers, header::IF_MATCH);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let body = Bytes::from_request(request, app).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return Problem::new(
                    Code::BodyTooLarge,
                    format!("The body is longer than {BODY_MAX_BYTES} bytes; nothing was done."),
                )
                .with_hint("A plan this long is better split into several.");
            }
            Problem::new(Code::MalformedBody, "The body ended before it was complete; nothing was done.")
        })?;
        let key = key.map(|key| IdempotencyKey {
            fingerprint: fingerprint(&method, &uri, &actor, &body),
            key,
            at: app.clock.now(),
        });
        Ok(Change { actor, if_match, key, content_type, body })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        refuse_nul(parts.uri.path(), "path")?;
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(segments)| Segments(segments)).map_err(|_| Problem::no_such_path(&parts.uri))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        refuse_nul(parts.uri.query().unwrap_or_default(), "query")?;
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(params)| Params(params)).map_err(|rejection| {
            Problem::new(
                Code::MalformedRequest,
                format!("The query cannot be read: {}.", rejection.body_text()),
            )
        })
    }
}

/// No name, label or reason has a NUL: not every database could even be asked for one.
fn refuse_nul(encoded: &str, what: &str) -> Result<(), Problem> {
    if encoded.contains("%00") {
        let why = format!("The {what} has a NUL character, written %00.");
        return Err(Problem::new(Code::MalformedRequest, why).with_hint("Take it out."));
    }
    Ok(())
}

/// Until somebody proves who they are, they say so; who can reach this has the machine's trust.
fn actor(headers: &HeaderMap) -> Result<Actor, Problem> {
    let Some(name) = text(headers, &ACTOR)? else { return Ok(Actor("anonymous".to_owned())) };
    let refuse = |why: &str| {
        Problem::new(Code::MalformedRequest, format!("{ACTOR}: {why}."))
            .with_hint("Send the name of who asks, or leave the header out.")
    };
    let name = name.trim();
    if name.is_empty() || name.chars().count() > ACTOR_MAX {
        return Err(refuse(&format!("a name has 1 to {ACTOR_MAX} characters")));
    }
    if name.chars().any(char::is_control) {
        return Err(refuse("a name has no control characters"));
    }
    let actor = Actor(name.to_owned());
    if actor == Actor::daemon() {
        return Err(refuse("this is the daemon's own name in the history"));
    }
    Ok(actor)
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = text(headers, &IDEMPOTENCY_KEY)? else { return Ok(None) };
    // The draft of the header wants quotes, most clients leave them out.
    let key = key.trim().trim_matches('"');
    if key.is_empty() || key.len() > KEY_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why =
            format!("{IDEMPOTENCY_KEY}: a key has 1 to {KEY_MAX} visible ASCII characters without spaces.");
        return Err(Problem::new(Code::MalformedRequest, why).with_hint("A random UUID is a good key."));
    }
    Ok(Some(key.to_owned()))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<Cow<'a, str>>, Problem> {
    headers
        .get(name)
        .map(|value| std::str::from_utf8(value.as_bytes()).map(Cow::Borrowed))
        .transpose()
        .map_err(|_| Problem::new(Code::MalformedRequest, format!("{name}: this is not UTF-8.")))
}

/// What must be the same for a request to be a repeat.
fn fingerprint(method: &Method, uri: &Uri, actor: &Actor, body: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    for part in [method.as_str().as_bytes(), target.as_bytes(), actor.0.as_bytes(), body] {
        // The length before each part keeps the parts apart whatever they contain.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}
