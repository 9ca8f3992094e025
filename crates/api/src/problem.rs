//! Refusals, as `application/problem+json`: what is wrong, where, and what to do about it.

use std::any::Any;

use axum::{
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use crossfade_core::{
    plan::Mistakes,
    shift::{Shift, TransitionError},
};
use crossfade_ports::{StoreError, ZonesError};

use crate::{Code, types::Problem};

/// Straight to Route 53, with neither daemon nor database.
pub(crate) const WAY_AROUND: &str = "`crossfade revert --direct --zone ZONE --name NAME`";

/// Where the details are that a client need not see.
const IN_THE_LOG: &str = "The daemon's log has the details under this answer's x-request-id.";

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem {
            about: format!("/errors/{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: detail.into(),
            code,
            hint: None,
            errors: Vec::new(),
            possible: None,
            claimed_by: None,
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Problem {
        Problem { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Problem {
        Problem { status: status.as_u16(), ..self }
    }

    /// Tells the caller nothing but that it happened; what happened is for the log, where the request's id finds it.
    pub(crate) fn internal(what: &dyn std::fmt::Display) -> Problem {
        tracing::error!(error.message = %what, "a request failed by a mistake of this program");
        Problem::new(
            Code::Internal,
            "The request could not be carried out because of a mistake in this program.",
        )
        .with_hint(IN_THE_LOG)
    }

    /// Of one shift of a list. What is wrong with it is for the log here, too.
    pub(crate) fn unreadable(shift: &str, error: &StoreError) -> Problem {
        tracing::error!(shift.name = shift, error.message = %error, "a shift cannot be read");
        Problem::new(Code::Internal, "The shift cannot be read from the database.")
            .with_hint(format!("`crossfade history verify {shift}` checks its history. {IN_THE_LOG}"))
    }

    pub(crate) fn no_such_path(uri: &Uri) -> Problem {
        Problem::new(Code::NoSuchPath, format!("There is nothing at {}.", uri.path()))
            .with_hint("The API is under /api/v1; its list of shifts is at /api/v1/shifts.")
    }

    pub(crate) fn no_such_shift(name: &str) -> Problem {
        Problem::new(Code::NoSuchShift, format!("There is no shift {name}."))
            .with_hint("GET /api/v1/shifts lists them.")
    }

    pub(crate) fn of_store(error: StoreError) -> Problem {
        match error {
            StoreError::NotFound(name) => Problem::no_such_shift(&name),
            StoreError::Exists(name) => {
                Problem::new(Code::Exists, format!("There is a shift {name} already.")).with_hint(format!(
                    "PUT /api/v1/shifts/{name}/plan revises it; a new run needs a new name."
                ))
            }
            StoreError::Conflict { shift, .. } => Problem::new(
                Code::VersionConflict,
                format!("Shift {shift} was changed by others each time this was tried."),
            )
            .with_status(StatusCode::CONFLICT)
            .with_hint("Nothing was done. Send the request again."),
            StoreError::Claimed { group, owner } => Problem {
                claimed_by: Some(owner.clone()),
                ..Problem::new(
                    Code::RecordsClaimed,
                    format!("The records {group} belong to shift {owner}; nothing was written."),
                )
                .with_hint(format!("`finalize` or `cancel` {owner} first: it then gives them up."))
            },
            StoreError::KeyReused => Problem::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key came before, with another request; nothing was done.",
            )
            .with_hint("Draw a new key for every new request, and keep it only for repeating that request."),
            StoreError::Unavailable { .. } => {
                tracing::warn!(error.message = %error, "the store did not answer a request");
                Problem::new(
                    Code::StoreUnavailable,
                    "The database does not answer, so nothing can be recorded.",
                )
                .with_hint("Send the request again; an Idempotency-Key makes that harmless.")
            }
            StoreError::Inconsistent { .. }
            | StoreError::Refused(_)
            | StoreError::LeaseLost { .. }
            | StoreError::InUse { .. } => Problem::internal(&error),
        }
    }

    /// A revert that cannot be recorded, because the store does not answer or refuses it: the way around the daemon, with
    /// the records' names as far as they are known.
    pub(crate) fn with_way_around(self, shift: Option<&Shift>) -> Problem {
        if !matches!(self.code, Code::StoreUnavailable | Code::Internal) {
            return self;
        }
        let commands: Vec<String> = match shift {
            None => vec![WAY_AROUND.to_owned()],
            Some(shift) => shift
                .zones()
                .iter()
                .flat_map(|zone| shift.names(zone).into_iter().map(move |name| (zone, name)))
                .map(|(zone, name)| format!("`crossfade revert --direct --zone {zone} --name {name}`"))
                .collect(),
        };
        self.with_hint(format!(
            "Without daemon and database, from the baseline kept in the zone: {}",
            commands.join(", ")
        ))
    }

    pub(crate) fn of_transition(error: TransitionError, shift: &Shift) -> Problem {
        let possible = shift.possible().into_iter().map(str::to_owned).collect::<Vec<_>>();
        match error {
            TransitionError::NotNow { .. } => {
                let hint = match possible.as_slice() {
                    [] => "Nothing is possible any more.".to_owned(),
                    verbs => format!("Possible now: {}.", verbs.join(", ")),
                };
                Problem {
                    possible: Some(possible),
                    ..Problem::new(Code::NotNow, capital(&error)).with_hint(hint)
                }
            }
            TransitionError::Held { .. } => Problem {
                possible: Some(possible),
                ..Problem::new(Code::Held, capital(&error))
                    .with_hint("Lift what holds it, or wait until it ends; `GET` the shift shows each hold.")
            },
            TransitionError::Fixed { .. } => Problem::new(Code::PlanFixed, capital(&error)).with_hint(
                "Nothing was done. Steps, times, gates and labels can be revised; leave the rest as it is.",
            ),
            TransitionError::Fold(_) | TransitionError::Encoding(_) => Problem::internal(&error),
        }
    }

    pub(crate) fn of_plan(mistakes: Mistakes) -> Problem {
        let detail = match mistakes.0.len() {
            1 => "The plan has a mistake; nothing was written.".to_owned(),
            count => format!("The plan has {count} mistakes; nothing was written."),
        };
        Problem { errors: mistakes.0, ..Problem::new(Code::PlanInvalid, detail) }
    }

    /// A zone that could not be read. One that is not there is the plan's mistake, and handled with the others.
    pub(crate) fn of_zones(error: ZonesError) -> Problem {
        match error {
            ZonesError::Denied(_) => {
                Problem::new(Code::Route53Denied, format!("Route 53 refused to show the zone: {error}."))
                    .with_hint("`crossfade plan iam-policy` prints the smallest policy that the plan needs.")
            }
            ZonesError::NoSuchZone(_)
            | ZonesError::NoSuchChange(_)
            | ZonesError::Throttled(_)
            | ZonesError::Unavailable(_) => {
                tracing::warn!(error.message = %error, "Route 53 did not answer a request");
                Problem::new(Code::Route53Unreachable, format!("The zone could not be read: {error}."))
                    .with_hint("Nothing was written. Send the request again in a moment.")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Long enough for a failover to make progress, short enough for somebody who waits.
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The answer after a panic: the process lives on, and other shifts with it.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Problem::internal(&format_args!("panic: {message}")).into_response()
}

fn capital(error: &TransitionError) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
        + "."
}
