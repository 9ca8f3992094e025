//! The stable codes of everything that can be refused, each with its status and its page.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// What a program should branch on; a status is too coarse, and a sentence may be reworded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    BodyTooLarge,
    CrossOrigin,
    DependencyCircle,
    Exists,
    Held,
    IdempotencyKeyReused,
    Internal,
    MalformedBody,
    MalformedRequest,
    MethodNotAllowed,
    NoSuchPath,
    NoSuchShift,
    NotNow,
    Overloaded,
    PlanFixed,
    PlanInvalid,
    RecordsClaimed,
    Route53Denied,
    Route53Unreachable,
    StoreUnavailable,
    TimedOut,
    UnknownHost,
    UnsupportedMediaType,
    VersionConflict,
}

/// What is said of a code wherever it turns up.
struct Entry {
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    page: &'static str,
}

/// Keeps a code, its page and what `serde` calls it from drifting apart: one spelling serves all three.
macro_rules! entry {
    ($code:literal, $status:ident, $title:literal) => {
        Entry {
            code: $code,
            status: StatusCode::$status,
            title: $title,
            page: include_str!(concat!("../../../docs/errors/", $code, ".md")),
        }
    };
}

impl Code {
    /// Every code, in alphabetical order.
    pub const ALL: [Code; 24] = [
        Code::BodyTooLarge,
        Code::CrossOrigin,
        Code::DependencyCircle,
        Code::Exists,
        Code::Held,
        Code::IdempotencyKeyReused,
        Code::Internal,
        Code::MalformedBody,
        Code::MalformedRequest,
        Code::MethodNotAllowed,
        Code::NoSuchPath,
        Code::NoSuchShift,
        Code::NotNow,
        Code::Overloaded,
        Code::PlanFixed,
        Code::PlanInvalid,
        Code::RecordsClaimed,
        Code::Route53Denied,
        Code::Route53Unreachable,
        Code::StoreUnavailable,
        Code::TimedOut,
        Code::UnknownHost,
        Code::UnsupportedMediaType,
        Code::VersionConflict,
    ];

    pub fn of(code: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|known| known.as_str() == code)
    }

    pub fn as_str(self) -> &'static str {
        self.entry().code
    }

    /// The status it usually comes with.
    pub fn status(self) -> StatusCode {
        self.entry().status
    }

    /// The same for every occurrence.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// What it means, why it happens and what to do, in Markdown.
    pub fn page(self) -> &'static str {
        self.entry().page
    }

    fn entry(self) -> Entry {
        match self {
            Code::BodyTooLarge => entry!("body_too_large", PAYLOAD_TOO_LARGE, "The body is too large"),
            Code::CrossOrigin => entry!("cross_origin", FORBIDDEN, "Another site's page sent this"),
            Code::DependencyCircle => {
                entry!("dependency_circle", UNPROCESSABLE_ENTITY, "Shifts would wait for each other")
            }
            Code::Exists => entry!("exists", CONFLICT, "There is a shift of this name"),
            Code::Held => entry!("held", CONFLICT, "Refused by a safety rule"),
            Code::IdempotencyKeyReused => {
                entry!("idempotency_key_reused", UNPROCESSABLE_ENTITY, "The idempotency key was used before")
            }
            Code::Internal => entry!("internal", INTERNAL_SERVER_ERROR, "A mistake inside Crossfade"),
            Code::MalformedBody => entry!("malformed_body", BAD_REQUEST, "The body cannot be read"),
            Code::MalformedRequest => {
                entry!("malformed_request", BAD_REQUEST, "A header or parameter cannot be read")
            }
            Code::MethodNotAllowed => {
                entry!("method_not_allowed", METHOD_NOT_ALLOWED, "This path has no such method")
            }
            Code::NoSuchPath => entry!("no_such_path", NOT_FOUND, "There is nothing at this path"),
            Code::NoSuchShift => entry!("no_such_shift", NOT_FOUND, "There is no shift of this name"),
            Code::NotNow => entry!("not_now", CONFLICT, "Not possible in the present state"),
            Code::Overloaded => entry!("overloaded", SERVICE_UNAVAILABLE, "Too many requests at once"),
            Code::PlanFixed => entry!("plan_fixed", CONFLICT, "This part of a plan cannot be changed"),
            Code::PlanInvalid => entry!("plan_invalid", UNPROCESSABLE_ENTITY, "The plan has mistakes"),
            Code::RecordsClaimed => {
                entry!("records_claimed", CONFLICT, "The records belong to another shift")
            }
            Code::Route53Denied => {
                entry!("route53_denied", BAD_GATEWAY, "AWS does not allow the daemon to look")
            }
            Code::Route53Unreachable => {
                entry!("route53_unreachable", SERVICE_UNAVAILABLE, "Route 53 does not answer")
            }
            Code::StoreUnavailable => {
                entry!("store_unavailable", SERVICE_UNAVAILABLE, "The database does not answer")
            }
            Code::TimedOut => entry!("timed_out", GATEWAY_TIMEOUT, "The answer took too long"),
            Code::UnknownHost => {
                entry!("unknown_host", MISDIRECTED_REQUEST, "The request names another host")
            }
            Code::UnsupportedMediaType => {
                entry!("unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is of an unknown type")
            }
            Code::VersionConflict => {
                entry!("version_conflict", PRECONDITION_FAILED, "The shift has changed meanwhile")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let mut pages: Vec<String> = std::fs::read_dir(pages)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        pages.sort();
        assert_eq!(pages, Code::ALL.map(Code::as_str));
    }

    #[test]
    fn a_page_says_what_it_means_why_and_what_to_do() {
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# `{}`", code.as_str())), "{}", code.as_str());
            assert!(page.contains(&code.status().as_u16().to_string()), "{} names no status", code.as_str());
            for heading in ["\n## Why\n", "\n## What to do\n"] {
                assert!(page.contains(heading), "{} has no {heading:?}", code.as_str());
            }
        }
    }

    #[test]
    fn a_code_is_spelt_alike_on_the_wire_and_in_its_entry() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(Code::of(code.as_str()), Some(code));
        }
    }
}
