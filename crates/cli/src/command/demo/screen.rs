//! What the demo shows: on a terminal one picture that is redrawn under a growing list of what happened; elsewhere
//! lines, one when something changes.

use std::{
    collections::BTreeMap,
    io::{IsTerminal as _, Write as _, stdout},
    time::Duration,
};

use crossfade_api::types::Shift;
use crossfade_core::{
    Share,
    event::Event,
    gate::{Counts, GateReport},
    report::told,
    shift::Stage,
};
use crossfade_playground::{Observed, Playground};
use tokio::time::Instant;

use super::scenario::{Ending, Scenario, known};
use crate::failure::Failure;

pub(super) struct Screen {
    scenario: Scenario,
    server: String,
    dig: String,
    started: Instant,
    terminal: bool,
    /// Lines of the picture that stand on the terminal now.
    drawn: usize,
    /// The last line shown where there is no terminal, without its time.
    told: String,
    told_at: Instant,
    seen: u64,
}

/// Without a terminal, a line is shown at least this often.
const AT_LEAST_EVERY: Duration = Duration::from_secs(10);

/// Cells of a bar.
const BAR: usize = 40;

impl Screen {
    pub(super) fn new(scenario: Scenario, server: &str, playground: &Playground, record: &str) -> Screen {
        let dns = playground.dns_addr();
        Screen {
            scenario,
            server: server.to_owned(),
            dig: format!("dig +short @{} -p {} {record}", dns.ip(), dns.port()),
            started: Instant::now(),
            terminal: stdout().is_terminal(),
            drawn: 0,
            told: String::new(),
            told_at: Instant::now(),
            seen: 0,
        }
    }

    /// The newest event that was shown.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn introduce(&mut self) -> Result<(), Failure> {
        let text = format!(
            "\
Crossfade moves www.example.com from legacy to cloud, in an emulated world on this machine.
Scenario {}; it takes one to two minutes. From another terminal:

  crossfade --server {server} pause demo      resume demo      revert demo      status demo
  {dig}
",
            self.scenario,
            server = self.server,
            dig = self.dig
        );
        self.print(&text)
    }

    /// Something that was recorded.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Failure> {
        self.seen = event.seq;
        let Some(text) = told(&event.what) else { return Ok(()) };
        let by = if event.actor.0 == "crossfade" { String::new() } else { format!(" ({})", event.actor.0) };
        self.above(&format!("{} {text}{by}", self.clock()))
    }

    /// Something that was done to the world.
    pub(super) fn aside(&mut self, line: &str) -> Result<(), Failure> {
        self.above(&format!("{} -- {line} --", self.clock()))
    }

    pub(super) fn show(
        &mut self,
        shift: &Shift,
        observed: &BTreeMap<String, Observed>,
    ) -> Result<(), Failure> {
        if self.terminal {
            self.erase()?;
            let picture = picture(shift, observed);
            self.drawn = picture.lines().count();
            return self.print(&picture);
        }
        let line = line(shift);
        if line == self.told && self.told_at.elapsed() < AT_LEAST_EVERY {
            return Ok(());
        }
        let text = format!("{} {line}\n", self.clock());
        self.told = line;
        self.told_at = Instant::now();
        self.print(&text)
    }

    pub(super) fn verdict(&mut self, ending: &Ending, once: bool) -> Result<(), Failure> {
        let then = if once { "" } else { "\nThe world goes on; Ctrl-C ends it." };
        self.above(&match ending {
            Ok(how) => format!("\nThe scenario {} ended as it should: {how}.{then}", self.scenario),
            Err(why) => format!("\nThe scenario {} did not end as it should: {why}.{then}", self.scenario),
        })
    }

    /// A line that stays, above the picture.
    fn above(&mut self, line: &str) -> Result<(), Failure> {
        self.erase()?;
        self.print(&format!("{line}\n"))
    }

    fn erase(&mut self) -> Result<(), Failure> {
        if self.drawn > 0 {
            // Up as many lines as were drawn, and clear from there to the end of the screen.
            let lines = std::mem::take(&mut self.drawn);
            self.print(&format!("\u{1b}[{lines}A\u{1b}[J"))?;
        }
        Ok(())
    }

    fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::from)
    }

    fn clock(&self) -> String {
        let seconds = self.started.elapsed().as_secs();
        format!("{:>2}:{:02}", seconds / 60, seconds % 60)
    }
}

fn picture(shift: &Shift, observed: &BTreeMap<String, Observed>) -> String {
    let total: u64 = observed.values().map(|side| side.requests).sum();
    let cloud = observed.get("cloud").map_or(0, |side| side.requests);
    let real = (total > 0).then(|| Share::of(cloud, total));
    let mut lines = vec![
        String::new(),
        format!("  wanted    {} {}", bar(shift.share.wanted), known(shift.share.wanted)),
        format!("  set       {} {}", bar(shift.share.set), known(shift.share.set)),
        format!(
            "  observed  {} {}",
            bar(real),
            real.map_or_else(|| "unknown".to_owned(), |s| format!("{:.0} %", s.percent()))
        ),
        format!("  errors    {}", errors(shift)),
        format!("  weights   {}", weights(shift)),
        String::new(),
    ];
    lines.extend(wrapped(&shift.headline, 96).into_iter().map(|line| format!("  {line}")));
    lines.push(String::new());
    lines.join("\n")
}

fn line(shift: &Shift) -> String {
    let step = match shift.step.index {
        Some(index) if shift.phase == "running" => {
            format!(" step {}/{} {}", index + 1, shift.steps, stage(shift.step.stage))
        }
        Some(_) | None => String::new(),
    };
    let holds: Vec<&str> = shift.holds.iter().map(|hold| hold.sentence.as_str()).collect();
    let held = if holds.is_empty() { String::new() } else { format!("; held: {}", holds.join("; ")) };
    format!(
        "{}{step}: wanted {}, set {}, observed {}; errors {}{held}",
        shift.phase,
        known(shift.share.wanted),
        known(shift.share.set),
        known(shift.share.observed.map(rounded)),
        errors(shift)
    )
}

fn errors(shift: &Shift) -> String {
    let rate = |counts: Counts| match counts.requests {
        0 => "no requests".to_owned(),
        requests => format!("{:.1} % of {requests}", 100.0 * counts.errors as f64 / requests as f64),
    };
    match shift.gates.iter().find_map(GateReport::errors) {
        None => "unknown".to_owned(),
        Some(numbers) => {
            let from = numbers.recent_from.map_or_else(|| "unknown".to_owned(), rate);
            format!("legacy {from}, cloud {}", rate(numbers.recent))
        }
    }
}

fn weights(shift: &Shift) -> String {
    let groups = shift.weights.iter().map(|group| {
        let members: Vec<String> =
            group.weights.iter().map(|(id, weight)| format!("{id} {weight}")).collect();
        format!("{} {}: {}", group.name, group.record_type, members.join(", "))
    });
    groups.collect::<Vec<_>>().join("; ")
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Applying => "applying",
        Stage::Propagating => "propagating",
        Stage::Settling => "settling",
        Stage::Observing => "observing",
    }
}

fn rounded(share: Share) -> Share {
    Share::from_percent(share.percent().round()).unwrap_or(share)
}

fn bar(share: Option<Share>) -> String {
    let full = share.map_or(0, |share| (share.percent() / 100.0 * BAR as f64).round() as usize);
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full.min(BAR)))
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut()
            && (line.is_empty() || line.len() + 1 + word.len() <= width)
        {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        lines.push(word.to_owned());
    }
    lines
}
