//! The tables.

use crossfade_core::gate::Config;

use crate::{
    compare::{GATE, NewRule, ORACLE, OTHERS, PATIENT_ORACLE, SIZES, Sample, sample},
    simulation::{
        cutover::{End, Story},
        ours::{Gate, config},
        traffic::Traffic,
    },
    table::{Table, number, percent},
    wald,
};

/// Rates of the broken cloud.
const RATES: [f64; 5] = [0.01, 0.02, 0.05, 0.2, 1.0];

/// At the worst hour of the day both sides err two and a half times as often as at the best.
const WAVE: f64 = 0.75;

/// Cutovers that should be completed, whatever the rule makes of them.
pub(crate) fn false_reverts(runs: u64) -> Vec<Table> {
    let steady = Traffic::new;
    let wavy = |requests_per_second| Traffic { wave: WAVE, ..Traffic::new(requests_per_second) };
    type Case = (&'static str, fn(f64) -> Traffic, Story);
    let cases: [Case; 8] = [
        ("healthy", steady, Story::Healthy),
        ("2 min of 5%", steady, Story::Blip(0.05)),
        ("2 min of 20%", steady, Story::Blip(0.2)),
        ("0.1-0.25% by the hour", wavy, Story::Healthy),
        ("both sides 5%, 10 min", steady, Story::SharedEarly(0.05)),
        ("both sides 20%, 10 min", steady, Story::SharedEarly(0.2)),
        ("both sides 5%, at 100%", steady, Story::SharedLate(0.05)),
        ("cloud at 0.5%, tolerated", steady, Story::Worse(0.005)),
    ];
    let mut reverted = Table::new(
        &format!("Reverted without need, of {runs} cutovers each"),
        head(&["cutover", "req/s"], rules()),
    );
    let mut took =
        Table::new("Minutes a healthy cutover takes: median / 95th percentile", head(&["req/s"], rules()));
    for (name, traffic, story) in cases {
        for size in SIZES {
            let samples: Vec<Sample> =
                rules().map(|(_, rule)| sample(traffic(size), story, rule, runs)).collect();
            let shares = samples.iter().map(|sample| percent(sample.part(End::Reverted)));
            reverted.add([name.to_owned(), size.to_string()].into_iter().chain(shares).collect());
            if name == "healthy" {
                let minutes = samples.iter().map(|sample| {
                    let minutes = |quantile| sample.minutes_to_complete(quantile);
                    format!("{:.0} / {:.0}", minutes(0.5), minutes(0.95))
                });
                took.add([size.to_string()].into_iter().chain(minutes).collect());
            }
        }
    }
    vec![reverted, took]
}

/// A cloud that breaks in the 25 % step, under every rule; and how near the gate comes to what is possible.
pub(crate) fn broken(runs: u64) -> Vec<Table> {
    let mut harm = Table::new(
        &format!(
            "Cloud breaks in the 25 % step: errors served above the usual, mean (over the oracle's), {runs} each"
        ),
        head(&["req/s", "errors"], [ORACLE].into_iter().chain(rules())),
    );
    let mut delays = Table::new(
        "…minutes until reverted: median / 95th percentile [completed unnoticed]",
        head(&["req/s", "errors"], [ORACLE].into_iter().chain(rules())),
    );
    let mut bounds = Table::new(
        "What is possible: errors served, mean, and minutes until reverted (Wald: mean; else median)",
        [
            "from",
            "req/s",
            "errors",
            "Wald",
            "oracle",
            "oracle-blip",
            "gate",
            "gate/Wald",
            "gate/oracle",
            "gate/oracle-blip",
        ]
        .into_iter()
        .chain(["Wald min", "oracle min", "oracle-blip min", "gate min"])
        .map(str::to_owned)
        .collect(),
    );
    for size in SIZES {
        for rate in RATES {
            let of = |(_, rule): (&str, NewRule)| {
                sample(Traffic::new(size), Story::Breaks(rate), rule, runs).with_fault()
            };
            let samples: Vec<Sample> = [ORACLE].into_iter().chain(rules()).map(of).collect();
            let names = [size.to_string(), percent(rate)];
            let oracle = samples[0].mean_harm();
            let harms = samples
                .iter()
                .map(|sample| format!("{} ({:.2})", number(sample.mean_harm()), sample.mean_harm() / oracle));
            harm.add(names.iter().cloned().chain(harms).collect());
            delays.add(names.iter().cloned().chain(samples.iter().map(delay)).collect());
            let bound = wald::bound(size, rate, 3, 30);
            bounds.add(bounded("mid", size, rate, &bound, [&samples[0], &of(PATIENT_ORACLE), &samples[1]]));
        }
    }
    for size in SIZES {
        for rate in RATES {
            let of = |(_, rule): (&str, NewRule)| {
                sample(Traffic::new(size), Story::BrokenFromTheStart(rate), rule, runs)
            };
            let bound = wald::bound(size, rate, 0, 1);
            let samples = [of(ORACLE), of(PATIENT_ORACLE), of(GATE)];
            bounds.add(bounded("start", size, rate, &bound, samples.each_ref()));
        }
    }
    vec![harm, delays, bounds, on_and_off(runs)]
}

fn on_and_off(runs: u64) -> Table {
    let mut table = Table::new(
        "Cloud breaks to 5 % in every other minute: errors served, mean (over the oracle's) [completed unnoticed]",
        head(&["req/s"], [ORACLE].into_iter().chain(rules())),
    );
    for size in SIZES {
        let of = |(_, rule): (&str, NewRule)| {
            sample(Traffic::new(size), Story::BreaksOnAndOff(0.05), rule, runs).with_fault()
        };
        let samples: Vec<Sample> = [ORACLE].into_iter().chain(rules()).map(of).collect();
        let oracle = samples[0].mean_harm();
        let cells = samples.iter().map(|sample| {
            let harm = sample.mean_harm();
            format!("{} ({:.2}){}", number(harm), harm / oracle, unnoticed(sample))
        });
        table.add([size.to_string()].into_iter().chain(cells).collect());
    }
    table
}

/// Healthy cutovers of traffic that is not what the gate takes it for.
pub(crate) fn robustness(runs: u64) -> Vec<Table> {
    let bursty: NewRule = || Box::new(Gate::new(Config { burstiness: 0.01, ..config() }));
    let cautious: NewRule = || Box::new(Gate::new(Config { min_errors: 20, ..config() }));
    let patient: NewRule = || Box::new(Gate::new(Config { ttl: 300, ..config() }));
    let usual = Traffic::new(0.0);
    let cases = [
        ("independent errors", Traffic { burstiness: 0.0, ..usual }, GATE.1),
        ("burstiness 0.003", Traffic { burstiness: 0.003, ..usual }, GATE.1),
        ("burstiness 0.01", Traffic { burstiness: 0.01, ..usual }, GATE.1),
        ("burstiness 0.01, and the gate knows", Traffic { burstiness: 0.01, ..usual }, bursty),
        ("70 % of the minutes as the one before", Traffic { sticky: 0.7, ..usual }, GATE.1),
        ("burstiness 0.003, and 70 %", Traffic { burstiness: 0.003, sticky: 0.7, ..usual }, GATE.1),
        ("errors by threes", Traffic { clump: 3, ..usual }, GATE.1),
        ("errors by fives", Traffic { clump: 5, ..usual }, GATE.1),
        ("errors by fives, min_errors 20", Traffic { clump: 5, ..usual }, cautious),
        ("30 resolvers", Traffic { resolvers: 30.0, ..usual }, GATE.1),
        ("a TTL of 300 s", Traffic { ttl: 300, ..usual }, patient),
    ];
    let sizes = SIZES.map(|size| format!("{size} req/s"));
    let mut table = Table::new(
        &format!("The gate on healthy cutovers of other traffic: reverted, of {runs} each"),
        ["traffic".to_owned()].into_iter().chain(sizes).collect(),
    );
    for (name, traffic, rule) in cases {
        let reverted = SIZES.map(|requests_per_second| {
            let traffic = Traffic { requests_per_second, ..traffic };
            percent(sample(traffic, Story::Healthy, rule, runs).part(End::Reverted))
        });
        table.add([name.to_owned()].into_iter().chain(reverted).collect());
    }
    vec![table]
}

fn rules() -> impl Iterator<Item = (&'static str, NewRule)> {
    [GATE].into_iter().chain(OTHERS)
}

fn head(first: &[&str], rules: impl Iterator<Item = (&'static str, NewRule)>) -> Vec<String> {
    first.iter().copied().chain(rules.map(|(name, _)| name)).map(str::to_owned).collect()
}

fn delay(sample: &Sample) -> String {
    format!("{:.1} / {:.1}{}", sample.delay(0.5), sample.delay(0.95), unnoticed(sample))
}

fn unnoticed(sample: &Sample) -> String {
    match sample.part(End::Completed) {
        0.0 => String::new(),
        part => format!(" [{}]", percent(part)),
    }
}

fn bounded(from: &str, size: f64, rate: f64, bound: &wald::Bound, samples: [&Sample; 3]) -> Vec<String> {
    let harms = samples.map(Sample::mean_harm);
    let gate = harms[2];
    let mut row = vec![from.to_owned(), size.to_string(), percent(rate), number(bound.harm)];
    row.extend(harms.map(number));
    row.extend([bound.harm, harms[0], harms[1]].map(|least| format!("{:.2}", gate / least)));
    row.push(format!("{:.1}", bound.delay / 60.0));
    row.extend(samples.map(|sample| format!("{:.1}", sample.delay(0.5))));
    row
}
