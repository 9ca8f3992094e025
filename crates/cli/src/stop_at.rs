//! `CROSSFADE_STOP_AT=<point>[:n]`: the daemon dies as in a power cut when it comes to a point for the n-th time.
//! `CROSSFADE_SUSPEND_AT=<point>[:n]`: it stands still there, all of it, until it gets SIGCONT.
//!
//! For tests of the real binary, and for whoever wants to see what a crash does. Release builds have none of it.

use std::{
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use crossfade_engine::{Point, Probe};

use crate::{environment::Environment, failure::Failure};

const STOP: &str = "CROSSFADE_STOP_AT";
const SUSPEND: &str = "CROSSFADE_SUSPEND_AT";

/// A visit of a point.
#[derive(Debug)]
struct Visit {
    point: Point,
    nth: u32,
    so_far: AtomicU32,
}

/// The probe that the environment asks for; without the variables, one that does nothing.
pub fn probe(environment: &Environment) -> Result<Probe, Failure> {
    let (stop, suspend) = (Visit::read(environment, STOP)?, Visit::read(environment, SUSPEND)?);
    if stop.is_none() && suspend.is_none() {
        return Ok(Probe::default());
    }
    Ok(Probe::new(move |point| {
        if stop.as_ref().is_some_and(|visit| visit.is(point)) {
            tracing::warn!(point = point.as_str(), "stopped, as {STOP} asks");
            // Nothing is to be finished, flushed or released.
            std::process::abort();
        }
        if suspend.as_ref().is_some_and(|visit| visit.is(point)) {
            tracing::warn!(point = point.as_str(), "suspended, as {SUSPEND} asks");
            // The signal comes before the shell's end is seen; this returns after SIGCONT.
            if let Err(error) = Command::new("/bin/sh").args(["-c", "kill -STOP $PPID"]).status() {
                tracing::error!(error = %error, "could not be suspended");
            }
        }
    }))
}

impl Visit {
    fn read(environment: &Environment, variable: &str) -> Result<Option<Visit>, Failure> {
        let Some(text) = environment.get(variable) else { return Ok(None) };
        let (point, nth) = parse(text).ok_or_else(|| {
            let points = Point::ALL.map(Point::as_str).join(", ");
            Failure::failed(format!("{variable}={text} names no point"))
                .hint(format!("the points are {points}; with :2 the second time counts"))
        })?;
        Ok(Some(Visit { point, nth, so_far: AtomicU32::new(0) }))
    }

    fn is(&self, point: Point) -> bool {
        point == self.point && self.so_far.fetch_add(1, Ordering::SeqCst) + 1 == self.nth
    }
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
