//! `plan backtest`: the plan's gates on recorded metrics. How often would each have tripped over what is usual, and
//! what would it have missed?

mod replay;

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use crossfade_core::{
    Share,
    gate::{self, Config, Counts, MetricQuery, Period, Standing},
    plan::{Errors, Gate, Plan, Source, Span},
};
use crossfade_ports::{Clock as _, Metrics, SystemClock};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::replay::{Outcome, Recorded, USUAL, Watch, watch};
use super::{Context, simulate::Instant};
use crate::{
    args::{ConfigFile, Output},
    command::config,
    compose,
    failure::{Exit, Failure},
    render,
};

#[derive(Debug, Args)]
#[command(after_help = "The last week, as far as CloudWatch still has it:\n  \
    crossfade plan backtest www.yaml --from 168h")]
pub(super) struct BacktestArgs {
    /// The plan.
    file: PathBuf,
    /// Where the record begins: an instant, or how long ago (24h).
    #[arg(long, value_name = "TIME", default_value = "24h")]
    from: Since,
    /// Where it ends; else now.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    to: Since,
    #[command(flatten)]
    config: ConfigFile,
}

/// An instant, or how long ago.
#[derive(Clone, Copy, Debug)]
enum Since {
    At(Timestamp),
    Ago(SignedDuration),
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = text.parse::<Span>().map(|span| Since::Ago(span.0));
        ago.or_else(|_| text.parse::<Instant>().map(|at| Since::At(at.0)))
            .map_err(|error| format!("{error}; or how long ago, as in 24h"))
    }
}

/// Errors that are added, as ratios: from what hardly anybody notices to a broken endpoint.
const ADDED: [f64; 5] = [0.005, 0.01, 0.02, 0.05, 0.2];

/// Places of the record at which each step is tried.
const PLACES: usize = 48;

/// A step is watched for no longer than this.
const LONGEST_WATCH: SignedDuration = SignedDuration::from_hours(2);

/// What one gate would have done.
#[derive(Debug, Serialize)]
struct Tested {
    gate: String,
    /// Where the record is from: the `from` side where the gate names one.
    side: &'static str,
    requests: u64,
    errors: u64,
    /// Periods with traffic.
    periods: usize,
    /// How much its errors come together; absent with less than six hours or twenty errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    burstiness: Option<f64>,
    /// What the record says about the gate's settings.
    advice: Vec<String>,
    steps: Vec<TestedStep>,
}

#[derive(Debug, Serialize)]
struct TestedStep {
    share: Share,
    /// How long it was watched, in seconds.
    watched_seconds: i64,
    /// At so many places of the record.
    places: usize,
    /// Where nothing was added.
    failed: usize,
    held: usize,
    /// Where it was the budget that failed it; absent where the gate has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<Spent>,
    added: Vec<TestedIncrease>,
}

#[derive(Debug, Serialize)]
struct TestedIncrease {
    /// As a ratio of the `to` side's requests.
    increase: f64,
    /// Places at which it did not fail while the step was watched.
    missed: usize,
    /// Places at which it would even have gone on.
    passed: usize,
    /// Until it failed, in seconds; the middle of the places at which it did.
    after_seconds: Option<i64>,
    /// Where it was the budget that failed it; absent where the gate has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<Spent>,
}

/// Where the budget of failed requests was spent before the evidence was there. The step begins with all of it.
#[derive(Debug, Serialize)]
struct Spent {
    places: usize,
    /// The middle of these places.
    after_seconds: Option<i64>,
}

pub(super) async fn run(context: &Context, args: BacktestArgs) -> Result<Exit, Failure> {
    let plan = super::read(&args.file)?;
    let now = SystemClock.now();
    let instant = |since: Since| match since {
        Since::At(at) => at,
        Since::Ago(span) => now - span,
    };
    let (from, to) = (instant(args.from), instant(args.to));
    if from >= to {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "the record ends at {} before it begins at {}",
                render::instant(to),
                render::instant(from)
            ),
        ));
    }
    let loaded = config::load(context, &args.config)?;
    let account = compose::account(&loaded.config, &plan.account).await?;
    let mut tested = Vec::new();
    for (gate, errors) in plan.gates.iter().filter_map(|gate| Some((gate, gate.errors()?))) {
        tested.push(test(&plan, gate, errors, account.metrics.as_ref(), from, to).await?);
    }
    if tested.is_empty() {
        return Err(
            Failure::failed("no gate of this plan counts errors").hint("only those can be tested back")
        );
    }
    match context.global.output {
        Output::Table => tested.iter().try_for_each(|gate| render::line(told(gate)))?,
        output @ (Output::Json | Output::Jsonl) => render::json_list(&tested, output)?,
    }
    Ok(Exit::Done)
}

async fn test(
    plan: &Plan,
    gate: &Gate,
    errors: &Errors,
    metrics: &dyn Metrics,
    from: Timestamp,
    to: Timestamp,
) -> Result<Tested, Failure> {
    let (side, source) = match &errors.error_rate.from {
        Some(source) => ("from", source),
        None => ("to", &errors.error_rate.to),
    };
    let shares = |gate: &&Gate| !gate.observe_only && gate.errors().is_some();
    let gates = plan.gates.iter().filter(shares).count();
    let config = gate::config(errors, Standing { gates, ..Standing::default() });
    let record = fetched(&gate.name, side, source, metrics, from, to).await?;
    let record = whole(&record, &config);
    if record.len() <= USUAL {
        return Err(Failure::failed(format!(
            "gate {}: the {side} side has {} periods with requests between {} and {}, and {USUAL} are what is usual",
            gate.name,
            record.len(),
            render::instant(from),
            render::instant(to)
        ))
        .hint("choose a longer time, or look whether its metric and dimensions are right"));
    }
    let counts: Vec<Counts> =
        record.iter().map(|at| Counts { requests: at.requests, errors: at.errors }).collect();
    let advice = gate::advice(errors, &counts, config.period);
    let steps = plan.ramp.steps.iter().enumerate().map(|(index, step)| {
        let last = index + 1 == plan.ramp.steps.len();
        let hold = if last { plan.bake() } else { plan.hold(index) };
        tested_step(&record, &config, errors, step.share, hold.min(LONGEST_WATCH))
    });
    Ok(Tested {
        gate: gate.name.clone(),
        side,
        requests: record.iter().map(|period| period.requests).sum(),
        errors: record.iter().map(|period| period.errors).sum(),
        periods: record.len(),
        burstiness: advice.burstiness,
        advice: advice.sentences,
        steps: steps.collect(),
    })
}

async fn fetched(
    gate: &str,
    side: &str,
    source: &Source,
    metrics: &dyn Metrics,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Period>, Failure> {
    let answers = metrics.read(&gate::queries(source), from, to).await;
    let mut series: BTreeMap<MetricQuery, Vec<gate::Point>> = BTreeMap::new();
    for (query, answer) in answers {
        if let Some(why) = answer.incomplete {
            return Err(Failure::failed(format!(
                "gate {gate}: the metrics of the {side} side are incomplete: {why}"
            ))
            .hint("try again, or a shorter time"));
        }
        series.insert(query, answer.points);
    }
    Ok(gate::periods(source, &series))
}

/// In the gate's own periods.
fn whole(periods: &[Period], config: &Config) -> Vec<Recorded> {
    let mut record: BTreeMap<i64, Recorded> = BTreeMap::new();
    for period in periods {
        let start = period.start.as_second().div_euclid(config.period) * config.period;
        let into = record.entry(start).or_insert(Recorded { start, requests: 0, errors: 0 });
        into.errors = into.errors.saturating_add(period.errors.unwrap_or(0));
        into.requests = into.requests.saturating_add(period.requests.unwrap_or(0));
    }
    record.into_values().filter(|period| period.requests > 0).collect()
}

fn tested_step(
    record: &[Recorded],
    config: &Config,
    errors: &Errors,
    share: Share,
    watched: SignedDuration,
) -> TestedStep {
    let periods = usize::try_from(watched.as_secs() / config.period).unwrap_or(0).max(1);
    let room = record.len().saturating_sub(USUAL + periods);
    let count = PLACES.min(room + 1);
    let place = |i: usize| USUAL + i * room / count.saturating_sub(1).max(1);
    let outcomes = |added: f64| -> Vec<Outcome> {
        let watched = Watch { config, errors, share, added, periods };
        (0..count).filter_map(|i| watch(record, place(i), watched)).collect()
    };
    let spent = |found: &[Outcome]| {
        errors.blast_radius?;
        let after = failed(found, |spent| spent);
        Some(Spent { places: after.len(), after_seconds: middle(&after, config) })
    };
    let usual = outcomes(0.0);
    let added = ADDED.map(|increase| {
        let found = outcomes(increase);
        let after = failed(&found, |_| true);
        TestedIncrease {
            increase,
            missed: found.len() - after.len(),
            passed: found.iter().filter(|outcome| **outcome == Outcome::Passed).count(),
            after_seconds: middle(&after, config),
            spent: spent(&found),
        }
    });
    TestedStep {
        share,
        watched_seconds: periods as i64 * config.period,
        places: usual.len(),
        failed: failed(&usual, |_| true).len(),
        held: usual.iter().filter(|outcome| **outcome == Outcome::Held).count(),
        spent: spent(&usual),
        added: added.into(),
    }
}

/// After how many periods it failed, where it did, shortest first; all, or those by budget or by evidence alone.
fn failed(outcomes: &[Outcome], counts: impl Fn(bool) -> bool) -> Vec<usize> {
    let after = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Failed { after, spent } => counts(*spent).then_some(*after),
        Outcome::Held | Outcome::Passed => None,
    });
    let mut after: Vec<usize> = after.collect();
    after.sort_unstable();
    after
}

fn middle(after: &[usize], config: &Config) -> Option<i64> {
    after.get(after.len() / 2).map(|periods| *periods as i64 * config.period + config.metric_delay)
}

fn told(tested: &Tested) -> String {
    let rate = 100.0 * tested.errors as f64 / tested.requests.max(1) as f64;
    let head = format!(
        "gate {}: {} periods of the {} side, {} requests, {rate:.3} % errors{}",
        tested.gate,
        tested.periods,
        tested.side,
        tested.requests,
        tested.burstiness.map_or_else(String::new, |found| format!(", burstiness {found:.4}"))
    );
    let rows = tested.steps.iter().map(|step| {
        let of = |count: usize| format!("{count} of {}", step.places);
        let missed = |added: &TestedIncrease| of_and_after(added.missed, step.places, added.after_seconds);
        let mut added = step.added.iter().map(missed);
        let mut next = || added.next().unwrap_or_default();
        [
            step.share.to_string(),
            format!("{} min", step.watched_seconds / 60),
            of(step.failed),
            of(step.held),
            next(),
            next(),
            next(),
            next(),
            next(),
        ]
    });
    let heads = ["STEP", "WATCHED", "FAILS", "HOLDS", "MISSES +0.5 %", "+1 %", "+2 %", "+5 %", "+20 %"];
    let advice: String = tested.advice.iter().map(|advice| format!("\nadvice: {advice}")).collect();
    format!(
        "{head}{advice}\n{}\nFAILS and HOLDS: what is usual, split as the step splits it. MISSES: places at which so many more \
         errors would not have been taken back in time · the usual time until they were.\n",
        render::table(heads, rows)
    ) + &budgeted(tested)
}

/// Where the budget of failed requests was spent, and when.
fn budgeted(tested: &Tested) -> String {
    let rows = tested.steps.iter().filter_map(|step| {
        let cell = |spent: &Spent| of_and_after(spent.places, step.places, spent.after_seconds);
        let mut cells = step.added.iter().filter_map(|added| added.spent.as_ref()).map(cell);
        let usual = cell(step.spent.as_ref()?);
        let mut next = || cells.next().unwrap_or_default();
        Some([step.share.to_string(), usual, next(), next(), next(), next(), next()])
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = ["STEP", "BUDGET SPENT", "+0.5 %", "+1 %", "+2 %", "+5 %", "+20 %"];
    format!(
        "\n{}\nBUDGET SPENT: places at which the budget of failed requests took it back before the evidence did, with what is \
         usual and with so many more errors · the usual time until then. Each step begins with the whole budget.\n",
        render::table(heads, rows.into_iter())
    )
}

fn of_and_after(count: usize, places: usize, seconds: Option<i64>) -> String {
    match seconds {
        Some(seconds) => format!("{count} of {places} · {} min", (seconds + 59) / 60),
        None => format!("{count} of {places}"),
    }
}
