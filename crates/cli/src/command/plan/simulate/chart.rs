//! A timeline as a picture: one line of blocks for a terminal, steps for a page.

use std::fmt::Write as _;

use crossfade_core::{
    event::Happened,
    rehearsal::{Interval, Timeline},
};
use jiff::Timestamp;

const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The share over time, in so many columns.
pub(super) fn line(timeline: &Timeline, columns: usize) -> String {
    let Some((begins, lasts)) = span(timeline) else { return String::new() };
    let block = |column: usize| {
        let at = begins + lasts * (column as f64 + 0.5) / columns as f64;
        let share = share_at(&timeline.traffic, at);
        // What is there is seen, however little it is.
        let eighths = (share * 8.0).round().max(if share > 0.0 { 1.0 } else { 0.0 });
        BLOCKS.get(eighths as usize).copied().unwrap_or('█')
    };
    (0..columns).map(block).collect()
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 16.0;

/// The share over time, with a mark at each hold and at each failed gate.
pub(super) fn svg(name: &str, timeline: &Timeline) -> String {
    let (begins, lasts) = span(timeline).unwrap_or((0.0, 1.0));
    let x = |at: f64| LEFT + (at - begins) / lasts * (WIDTH - LEFT - 8.0);
    let y = |share: f64| TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM);
    let mut path = String::new();
    for (i, interval) in corners(&timeline.traffic).into_iter().enumerate() {
        let command = if i == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{:.1} {:.1} ", x(seconds(interval.start)), y(interval.share));
    }
    let grid: String = [0.0, 0.25, 0.5, 0.75, 1.0]
        .map(|share| {
            let (at, percent) = (y(share), share * 100.0);
            format!(
                "<path d='M{LEFT} {at:.1}H{:.1}' stroke='#ddd'/><text x='4' y='{:.1}'>{percent} %</text>",
                WIDTH - 8.0,
                at + 4.0
            )
        })
        .concat();
    let marks: String = timeline.events.iter().filter_map(|event| Some((event.at, mark(&event.what)?))).fold(
        String::new(),
        |marks, (at, (colour, sentence))| {
            let at = x(seconds(at));
            let line = format!("M{at:.1} {TOP}V{:.1}", HEIGHT - BOTTOM);
            marks
                + &format!(
                    "<path d='{line}' stroke='{colour}' stroke-dasharray='3 3'><title>{}</title></path>",
                    escaped(&sentence)
                )
        },
    );
    let (first, last) = (label(begins), label(begins + lasts));
    let base = HEIGHT - 8.0;
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='sans-serif' \
         font-size='11' role='img'><title>{}: share of the to side</title><rect width='100%' height='100%' \
         fill='#fff'/>{grid}{marks}<path d='{}' fill='none' stroke='#0a6' stroke-width='2'/>\
         <text x='{LEFT}' y='{base}'>{first}</text><text x='{}' y='{base}' text-anchor='end'>{last}</text></svg>\n",
        escaped(name),
        path.trim_end(),
        WIDTH - 8.0,
    )
}

fn mark(what: &Happened) -> Option<(&'static str, String)> {
    if let Happened::GateFailed { gate, .. } = what {
        return Some(("#c22", format!("gate {} failed: {}", gate.name, gate.sentence)));
    }
    let Happened::HoldBegan { hold } = what else { return None };
    Some(("#d90", format!("held: {}", hold.sentence)))
}

/// The intervals between which the share is on a straight line.
fn corners(traffic: &[Interval]) -> Vec<Interval> {
    let last = traffic.len().saturating_sub(1);
    let bends = |i: usize| {
        let around = i.checked_sub(1).and_then(|before| traffic.get(before..=i + 1));
        around.is_none_or(|around| around.windows(2).any(|pair| matches!(pair, [a, b] if a.share != b.share)))
    };
    let kept = traffic.iter().enumerate().filter(|(i, _)| *i == last || bends(*i));
    kept.map(|(_, interval)| *interval).collect()
}

/// When it begins, and for how long it lasts, in seconds.
fn span(timeline: &Timeline) -> Option<(f64, f64)> {
    let begins = seconds(timeline.traffic.first()?.start);
    let ends = seconds(timeline.traffic.last()?.start).max(begins + 1.0);
    Some((begins, ends - begins))
}

fn share_at(traffic: &[Interval], at: f64) -> f64 {
    let after = traffic.partition_point(|interval| seconds(interval.start) <= at);
    traffic.get(after.saturating_sub(1)).map_or(0.0, |interval| interval.share)
}

fn seconds(at: Timestamp) -> f64 {
    at.as_second() as f64
}

fn label(seconds: f64) -> String {
    Timestamp::from_second(seconds as i64).map_or_else(|_| String::new(), crate::render::instant)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
