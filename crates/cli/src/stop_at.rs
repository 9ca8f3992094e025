//! `CROSSFADE_STOP_AT=<point>[:n]`: the daemon dies as in a power cut when it comes to a point for the n-th time.
//!
//! For tests of the real binary, and for whoever wants to see what a crash does. Release builds have none of it.

use std::sync::atomic::{AtomicU32, Ordering};

use crossfade_engine::{Point, Probe};

use crate::{environment::Environment, failure::Failure};

const VARIABLE: &str = "CROSSFADE_STOP_AT";

/// The probe that the environment asks for; without the variable, one that does nothing.
pub fn probe(environment: &Environment) -> Result<Probe, Failure> {
    let Some(text) = environment.get(VARIABLE) else { return Ok(Probe::default()) };
    let (wanted, nth) = parse(text).ok_or_else(|| {
        let points = Point::ALL.map(Point::as_str).join(", ");
        Failure::failed(format!("{VARIABLE}={text} names no point"))
            .hint(format!("the points are {points}; with :2 the second time counts"))
    })?;
    let reached = AtomicU32::new(0);
    Ok(Probe::new(move |point| {
        if point == wanted && reached.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            tracing::warn!(point = wanted.as_str(), nth, "stopped, as {VARIABLE} asks");
            // Nothing is to be finished, flushed or released.
            std::process::abort();
        }
    }))
}

fn parse(text: &str) -> Option<(Point, u32)> {
    let (name, nth) = match text.split_once(':') {
        None => (text, 1),
        Some((name, nth)) => (name, nth.parse().ok().filter(|nth| *nth > 0)?),
    };
    let point = Point::ALL.into_iter().find(|point| point.as_str() == name)?;
    Some((point, nth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_with_its_count() {
        for point in Point::ALL {
            assert_eq!(parse(point.as_str()), Some((point, 1)));
        }
        assert_eq!(parse("answered:3"), Some((Point::Answered, 3)));
        for wrong in ["", "answer", "answered:", "answered:0", "answered:x", ":1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
