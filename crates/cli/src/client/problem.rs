//! Refusals of the API, for somebody at a command line: an exit code, and a hint that names a command.

use crossfade_api::{Code, types::Problem};
use reqwest::StatusCode;

use crate::failure::{Exit, Failure};

/// A refusal of the API as a failure, with hints for somebody at a command line.
pub fn of_problem(problem: Problem) -> Failure {
    let Problem { about: _, title: _, status: _, detail, code, hint, errors, possible, claimed_by } = problem;
    let failure =
        Failure::new(exit(code), detail.trim_end_matches('.')).notes(errors.iter().map(ToString::to_string));
    let own = match code {
        Code::NoSuchShift => Some("`crossfade list` lists them".to_owned()),
        Code::Held => Some("`crossfade explain` says what holds it, and what lifts that".to_owned()),
        Code::RecordsClaimed => claimed_by
            .map(|owner| format!("`crossfade finalize {owner}` or `crossfade cancel {owner}` frees them")),
        Code::NotNow => possible.map(|verbs| match verbs.as_slice() {
            [] => "nothing is possible any more; apply the plan under another name".to_owned(),
            verbs => format!("possible now: {}", verbs.join(", ")),
        }),
        Code::BodyTooLarge
        | Code::CrossOrigin
        | Code::DependencyCircle
        | Code::Exists
        | Code::IdempotencyKeyReused
        | Code::Internal
        | Code::MalformedBody
        | Code::MalformedRequest
        | Code::MethodNotAllowed
        | Code::NoSuchPath
        | Code::Overloaded
        | Code::PlanFixed
        | Code::PlanInvalid
        | Code::Route53Denied
        | Code::Route53Unreachable
        | Code::StoreUnavailable
        | Code::TimedOut
        | Code::UnknownHost
        | Code::UnsupportedMediaType
        | Code::VersionConflict => None,
    };
    match own.or(hint) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn exit(code: Code) -> Exit {
    match code {
        Code::CrossOrigin | Code::Route53Denied | Code::UnknownHost => Exit::NotAllowed,
        Code::Held | Code::NotNow | Code::PlanFixed | Code::RecordsClaimed => Exit::Refused,
        Code::Exists | Code::IdempotencyKeyReused | Code::VersionConflict => Exit::Conflict,
        Code::Overloaded | Code::Route53Unreachable | Code::StoreUnavailable | Code::TimedOut => {
            Exit::Unreachable
        }
        Code::BodyTooLarge
        | Code::DependencyCircle
        | Code::Internal
        | Code::MalformedBody
        | Code::MalformedRequest
        | Code::MethodNotAllowed
        | Code::NoSuchPath
        | Code::NoSuchShift
        | Code::PlanInvalid
        | Code::UnsupportedMediaType => Exit::Failed,
    }
}

/// From something that is not our daemon, or from another version of it.
pub(super) fn unexpected(status: StatusCode, body: &str) -> Failure {
    let exit = match status.as_u16() {
        401 | 403 => Exit::NotAllowed,
        409 | 412 => Exit::Conflict,
        502..=504 => Exit::Unreachable,
        _ => Exit::Failed,
    };
    let start: String = body.chars().take(200).collect();
    Failure::new(exit, format!("the server answered {status}")).notes((!start.is_empty()).then_some(start))
}
