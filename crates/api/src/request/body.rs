//! Bodies: a plan in one of three formats, or a small JSON object.

use crossfade_core::plan::{self, Format, Mistake, Plan};
use serde::de::DeserializeOwned;

use super::Change;
use crate::{Code, types::Problem};

/// A reason is a sentence for the history, not a report.
const REASON_MAX: usize = 1_000;

impl Change {
    pub(crate) fn plan(&self) -> Result<Plan, Problem> {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let format = Format::of_content_type(content_type).ok_or_else(|| {
            unsupported(content_type, "application/yaml, application/toml or application/json")
        })?;
        let text = std::str::from_utf8(&self.body).map_err(|error| {
            malformed(format!("byte {} of the body is not UTF-8", error.valid_up_to() + 1))
                .with_hint("Save the plan as UTF-8.")
        })?;
        plan::parse(text, format).map_err(Problem::of_plan)
    }

    /// The body as JSON; `None` when there is no body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        if self.body.is_empty() {
            return Ok(None);
        }
        let content_type = self.content_type.as_deref().unwrap_or_default();
        if Format::of_content_type(content_type) != Some(Format::Json) {
            return Err(unsupported(content_type, "application/json"));
        }
        serde_json::from_slice(&self.body).map(Some).map_err(|error| {
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
            let place = |number: usize| u32::try_from(number).ok();
            let mistake = Mistake {
                path: String::new(),
                line: place(error.line()),
                column: place(error.column()),
                message: what.to_owned(),
                hint: None,
            };
            Problem { errors: vec![mistake], ..malformed(message) }
        })
    }
}

/// A reason as it is kept; blank is none.
pub(crate) fn clean_reason(reason: Option<String>) -> Result<Option<String>, Problem> {
    let Some(reason) = reason else { return Ok(None) };
    let reason = reason.trim();
    if reason.chars().count() > REASON_MAX {
        return Err(
            malformed(format!("a reason has at most {REASON_MAX} characters")).with_hint("Shorten it.")
        );
    }
    if reason.chars().any(|char| char.is_control() && char != '\n') {
        let why = "a reason has no control characters but line ends";
        return Err(malformed(why.to_owned()).with_hint("Take them out."));
    }
    Ok((!reason.is_empty()).then(|| reason.to_owned()))
}

fn malformed(why: String) -> Problem {
    Problem::new(Code::MalformedBody, format!("The body cannot be read: {why}. Nothing was done."))
}

fn unsupported(content_type: &str, wanted: &str) -> Problem {
    let detail = match content_type {
        "" => "The body has no Content-Type.".to_owned(),
        other => format!("A body of the type {other} cannot be read here."),
    };
    Problem::new(Code::UnsupportedMediaType, detail).with_hint(format!("Send a Content-Type of {wanted}."))
}
