//! Keeps other sites' pages in a user's browser from acting with that user's reach.
//!
//! Nobody has to log in over loopback, so whatever runs on the machine may ask; a page of some site that is open in
//! its browser may not. Two doors are shut: a request sent straight from such a page is told by `Sec-Fetch-Site`
//! and `Origin`; a page that had its own name point to this machine (DNS rebinding) is told by that name in `Host`.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::csrf::ProtectionError;

use crate::{Code, types::Problem};

pub(crate) fn cross_origin(_: ProtectionError) -> Response {
    Problem::new(
        Code::CrossOrigin,
        "A browser sent this change from the page of another site; nothing was done.",
    )
    .with_hint("Use the dashboard under this very address, or the command line.")
    .into_response()
}

pub(crate) async fn require_known_host(
    State(loopback): State<bool>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let from_header = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has the host in the target. A request that names none at all comes from no browser.
    let host = request.uri().authority().map(|authority| authority.as_str()).or_else(from_header);
    match host {
        Some(host) if loopback && !is_local(host) => Err(Problem::new(
            Code::UnknownHost,
            format!("This daemon is not {host}; it only listens on loopback."),
        )
        .with_hint("Use http://localhost or http://127.0.0.1 with the daemon's port.")),
        Some(_) | None => Ok(next.run(request).await),
    }
}

/// A loopback name, or any address: only names can be made to point elsewhere.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_loopback_names_and_addresses_are_local() {
        for host in
            ["localhost", "LocalHost:8080", "app.localhost:1", "127.0.0.1:8080", "[::1]:8080", "10.0.0.3"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in ["example.com", "example.com:8080", "localhost.example.com", "127.0.0.1.nip.io", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
