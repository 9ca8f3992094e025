mod calendar;
mod probes;
mod schema;

use proptest::prelude::*;

use super::*;

const YAML: &str = include_str!("samples/www.yaml");
const TOML: &str = include_str!("samples/www.toml");
const JSON: &str = include_str!("samples/www.json");

const SAMPLES: [(Format, &str); 3] = [(Format::Yaml, YAML), (Format::Toml, TOML), (Format::Json, JSON)];

#[test]
fn three_formats_one_plan() {
    let [yaml, toml, json] = SAMPLES.map(|(format, text)| parse(text, format).unwrap());
    assert_eq!(yaml, toml);
    assert_eq!(yaml, json);
    insta::assert_json_snapshot!(yaml);
}

#[test]
fn the_canonical_form_is_a_plan() {
    let plan = parse(YAML, Format::Yaml).unwrap();
    let canonical = serde_json::to_string(&plan).unwrap();
    assert_eq!(parse(&canonical, Format::Json).unwrap(), plan);
    assert_eq!(serde_json::from_str::<Plan>(&canonical).unwrap(), plan);
}

#[test]
fn every_mistake_at_once() {
    let mistakes = parse(include_str!("samples/mistakes.yaml"), Format::Yaml).unwrap_err();
    insta::assert_snapshot!(mistakes);
}

/// The sample with one thing changed, and what is said about it.
#[track_caller]
fn check((before, after, wanted): (&str, &str, &str)) {
    assert_eq!(YAML.matches(before).count(), 1, "{before:?} is not in the sample once");
    let said = match parse(&YAML.replace(before, after), Format::Yaml) {
        Ok(_) => String::new(),
        Err(mistakes) => mistakes.to_string(),
    };
    assert_eq!(said, wanted, "{after:?}");
}

#[test]
fn names() {
    for case in [
        (
            "name: www-to-aws",
            "nam: www-to-aws",
            "line 1, nam: unknown key; did you mean name?\nline 1, name: missing; add the key name",
        ),
        (
            "account: default",
            "account: a b",
            "line 6, account: \"a b\" is not the name of an account; give the NAME of an [accounts.NAME] of the \
             daemon's configuration",
        ),
        ("owner: team-web", "owner:", "line 3, owner: wanted text, found nothing"),
        ("owner: team-web", "owner: on", ""),
        ("owner: team-web", "owner: true", "line 3, owner: wanted text, found true; put it in quotes"),
        (
            "env: prod",
            "env: prod, env: test",
            "line 5, labels.env: the key is given twice; it is on line 5 already: keep one of them",
        ),
        (
            "labels: { env: prod, product: sports }",
            r#"labels: { env: "a\tb" }"#,
            "line 5, labels.env: a label has no control characters; take them out",
        ),
        ("owner: team-web", r#"owner: "a\0b""#, "line 3, owner: the text has a NUL character; take it out"),
        (
            "labels: { env: prod, product: sports }",
            r#"labels: { "a\0b": prod }"#,
            "line 5, labels: a key has a NUL character; take it out",
        ),
    ] {
        check(case);
    }
}

#[test]
fn record_groups() {
    for case in [
        ("zone: example.net", "zone: /hostedzone/Z0123", ""),
        ("zone: example.net", "zone: example.net.", ""),
        ("\"*.example.net\"", "_sip._tcp.example.net.", ""),
        ("\"*.example.net\"", "'a\\057b.example.net'", ""),
        (
            "\"*.example.net\"",
            "www.*.example.net",
            "line 13, records[1].name: \"www.*.example.net\" is not a domain name: \"*\" cannot be a part of one; \
             write it as in www.example.com",
        ),
        (
            "\"*.example.net\"",
            "büro.example.net",
            "line 13, records[1].name: \"büro.example.net\" is not a domain name: it has letters outside of ASCII; \
             write such a name in its xn-- form",
        ),
        (
            "\"*.example.net\"",
            "a..example.net",
            "line 13, records[1].name: \"a..example.net\" is not a domain name: each part between dots has 1 to 63 \
             characters; write it as in www.example.com",
        ),
        (
            "\"*.example.net\"",
            "_crossfade.example.net",
            "line 13, records[1].name: _crossfade.example.net is where Crossfade keeps a fence; name the records \
             that carry traffic",
        ),
        (
            "types: [A, AAAA]",
            "types: [A, A, CNAME]",
            "line 11, records[0].types[1]: the group www.example.com A is named twice; it is at records[0].types[0] \
             on line 11 already: keep one of them\nline 11, records[0].types[2]: www.example.com cannot have CNAME \
             and A records; a CNAME stands alone: name the types that the zone has",
        ),
        (
            "from: { legacy: 1 }",
            "from: {}",
            "line 15, from: no set identifier has a relative share above zero; give one of them at least 1",
        ),
        (
            "from: { legacy: 1 }",
            "from: { legacy: 1, gcp: 0 }",
            "line 16, to.gcp: the set identifier \"gcp\" is on both sides; each record set belongs to one side: take \
             it out of from or of to",
        ),
        (
            "from: { legacy: 1 }",
            "from: { \"\": 1 }",
            "line 15, from.\"\": a set identifier has 1 to 128 characters; use the set identifier of the record set \
             in the zone",
        ),
    ] {
        check(case);
    }
}

#[test]
fn ramps() {
    let steps = "[1, 5, 12.5, { share: 50, hold: 2h, approval: true }, 100]";
    for case in [
        (steps, "[100]", ""),
        (steps, "[0.5, 1.25, 33.3333]", ""),
        (
            steps,
            "[5, 5]",
            "line 19, ramp.steps[1]: 5 % is not above 5 %, the step before it; put the steps in rising order",
        ),
        (steps, "[]", "line 19, ramp.steps: the list is empty; give at least one"),
        (
            steps,
            "[0.1, 0.2]",
            "line 19, ramp.steps[1]: 0.2 % cannot be told apart from 0.1 % before it: the weights are aws 1, gcp 1, \
             legacy 255, own 1 and aws 1, gcp 1, legacy 255, own 1; leave one of them out, or put them further apart",
        ),
        (
            steps,
            "[0]",
            "line 19, ramp.steps[0]: a step of 0 percent moves nothing; a step is above 0 and at most 100 percent",
        ),
        (
            steps,
            "[{ share: 10, hold: 4h }]",
            "line 19, ramp.steps[0].hold: the hold time 4h is not shorter than max_wait, 4h; set ramp.max_wait above 4h",
        ),
        (
            "  max_wait: 4h\n",
            "",
            "line 19, ramp.steps[3].hold: the hold time 2h is not shorter than the max_wait that follows from \
             ramp.hold, 2h; set ramp.max_wait above 2h",
        ),
        (
            "hold: 30m",
            "hold: 0s",
            "line 20, ramp.hold: a step must be held for some time; give at least 1s; 30m is usual",
        ),
        (
            "bake: 24h",
            "bake: 1d",
            "line 21, ramp.bake: \"1d\" is not a length of time; write hours, minutes and seconds, as in 30m or 1h 30m; \
             a day is 24h",
        ),
        ("bake: 24h", "bake: 9999h", "line 21, ramp.bake: 9999h is longer than a year; give a shorter time"),
        (
            "settle_margin: 30s",
            "settle_margin: 24h",
            "line 23, settle_margin: 24h is not shorter than a day; the usual margin is 30s",
        ),
    ] {
        check(case);
    }
}

#[test]
fn starts() {
    let before = "2026-12-01T09:00:00[Europe/Paris]";
    for case in [
        (before, "2026-12-01T09:00:00+01:00", ""),
        (before, "2026-12-01T09:00:00Z", ""),
        (before, "2026-10-25T02:30:00+02:00[Europe/Paris]", ""),
        (
            before,
            "2026-12-01T09:00:00[Europe/Pariss]",
            "line 26, schedule.start: there is no time zone \"Europe/Pariss\"; did you mean Europe/Paris?",
        ),
        (
            before,
            "2026-12-01T09:00:00",
            "line 26, schedule.start: \"2026-12-01T09:00:00\" says no time zone; add one: \
             2026-12-01T09:00:00[Europe/Paris], or an offset such as 2026-12-01T09:00:00+01:00",
        ),
        (
            before,
            "2026-10-25T02:30:00[Europe/Paris]",
            "line 26, schedule.start: 2026-10-25T02:30:00 comes twice in Europe/Paris: the clocks are put back then; \
             say which, by its offset: 2026-10-25T02:30:00+02[Europe/Paris] or 2026-10-25T02:30:00+01[Europe/Paris]",
        ),
        (
            before,
            "2026-12-01T09:00:00+02:00[Europe/Paris]",
            "line 26, schedule.start: \"2026-12-01T09:00:00+02:00[Europe/Paris]\" has another offset than \
             Europe/Paris has then; write 2026-12-01T09:00:00+01[Europe/Paris], or leave the offset out",
        ),
        (
            before,
            "tomorrow",
            "line 26, schedule.start: \"tomorrow\" is not a point in time; write it as in \
             2026-12-01T09:00:00[Europe/Paris]",
        ),
        (
            before,
            "2026-12-01",
            "line 26, schedule.start: \"2026-12-01\" says no time of day; write it as in \
             2026-12-01T09:00:00[Europe/Paris]",
        ),
    ] {
        check(case);
    }
}

#[test]
fn evidence() {
    for case in [
        (
            "max_error_rate: 1%",
            "max_error_rate: 0%",
            "line 40, gates[0].max_error_rate: a single error would fail this gate; allow at least a little, as in \"0.1%\"",
        ),
        (
            "max_error_rate: 1%",
            "max_error_rate: 51%",
            "line 40, gates[0].max_error_rate: 51% of errors would be let through; allow at most 50%; 1% is usual",
        ),
        (
            "metric_delay: 2m",
            "metric_delay: 16m",
            "line 42, gates[0].metric_delay: 16m is too long to wait for a datapoint; give at most 15m; 2m is usual",
        ),
        (
            "preset: custom",
            "preset: costum",
            "line 33, gates[0].error_rate.from.preset: there is no preset \"costum\"; did you mean custom?",
        ),
        (
            "preset: custom",
            "preset: cloudfronts",
            "line 33, gates[0].error_rate.from.preset: there is no preset \"cloudfronts\"; did you mean cloudfront?",
        ),
        (
            "period: 10s",
            "period: 90s",
            "line 38, gates[0].error_rate.from.period: CloudWatch has no periods of 1m 30s here; choose 5s, 10s, 20s, 30s, or whole minutes up to 5m",
        ),
        (
            "period: 10s",
            "period: 6m",
            "line 38, gates[0].error_rate.from.period: CloudWatch has no periods of 6m here; choose 5s, 10s, 20s, 30s, or whole minutes up to 5m",
        ),
        ("period: 10s", "period: 5m", ""),
        ("period: 10s", "period: 5s", ""),
        (
            "region: eu-west-3",
            "region: Paris",
            "line 39, gates[0].error_rate.from.region: \"Paris\" is not a region of AWS; write it as in eu-west-1",
        ),
        (
            "app/cloud/50dc6c495c0c9188",
            "net/cloud/50dc",
            "line 31, gates[0].error_rate.to.load_balancer: \"net/cloud/50dc\" is a network load balancer; its preset is nlb",
        ),
        (
            "app/cloud/50dc6c495c0c9188",
            "cloud",
            "line 31, gates[0].error_rate.to.load_balancer: \"cloud\" is not the id of a load balancer; give the end of its ARN, as in app/name/50dc6c495c0c9188",
        ),
        ("on_fail: revert", "observe_only: true", ""),
        ("tolerated_increase: { ratio: 2, points: 0.2% }", "tolerated_increase: {}", ""),
        (
            "tolerated_increase: { ratio: 2, points: 0.2% }",
            "tolerated_increase: { ratio: 1, points: 0% }",
            "",
        ),
        (
            "tolerated_increase: { ratio: 2, points: 0.2% }",
            "tolerated_increase: { ratio: 0.5, point: 0.2 }",
            "line 44, gates[0].tolerated_increase.ratio: wanted a number of at least 1, found the number 0.5\n\
             line 44, gates[0].tolerated_increase.point: unknown key; did you mean points?",
        ),
        (
            "tolerated_increase: { ratio: 2, points: 0.2% }",
            "tolerated_increase: { points: 0.2 }",
            "line 44, gates[0].tolerated_increase.points: wanted a percentage, found the number 0.2; write \"0.2%\"",
        ),
        ("on_fail: revert", "blast_radius: { per_step: 500, per_shift: 2000 }", ""),
        ("on_fail: revert", "blast_radius: { per_shift: 1 }", ""),
        (
            "on_fail: revert",
            "blast_radius: {}",
            "line 43, gates[0].blast_radius: this budget has no number; give per_step, per_shift or both, in requests, \
             as in { per_step: 500, per_shift: 2000 }",
        ),
        (
            "on_fail: revert",
            "blast_radius: { per_step: 500, per_shift: 200 }",
            "line 43, gates[0].blast_radius: the shift's budget of 200 is spent before the step's of 500; let per_step \
             be the smaller one, or leave it out",
        ),
        (
            "on_fail: revert",
            "blast_radius: { per_step: 0 }",
            "line 43, gates[0].blast_radius.per_step: wanted a whole number from 1 to 1000000000, found the number 0",
        ),
        ("on_fail: revert", "false_alarms_per_day: 0.1", ""),
        (
            "on_fail: revert",
            "false_alarms_per_day: 2",
            "line 43, gates[0].false_alarms_per_day: wanted a number from 0.000001 to 1, such as 0.01, found the number 2",
        ),
        ("on_fail: revert", "burstiness: 0.01", ""),
        (
            "on_fail: revert",
            "burstiness: 0",
            "line 43, gates[0].burstiness: wanted a number from 0.00001 to 0.1, such as 0.001, found the number 0",
        ),
        (
            "on_fail: revert",
            "resolvers: 0",
            "line 43, gates[0].resolvers: wanted a whole number from 1 to 1000000000, found the number 0",
        ),
        (
            "on_fail: revert",
            "min_errors: 2.5",
            "line 43, gates[0].min_errors: wanted a whole number from 1 to 1000000000, found the number 2.5",
        ),
        ("on_fail: revert", "on_fail: step_back", ""),
    ] {
        check(case);
    }
}

#[test]
fn alarms() {
    for case in [
        ("names: [www-latency, www-saturation]", "names: [www-saturation]", ""),
        ("until: 2026-12-08T18:00:00Z", "until: 2026-12-08", ""),
        (
            "names: [www-latency, www-saturation]",
            "names: []",
            "line 47, gates[1].alarms.names: the list is empty; give at least one",
        ),
        (
            "names: [www-latency, www-saturation]",
            "names: [www-saturation, a, a]",
            "line 47, gates[1].alarms.names[2]: the alarm \"a\" is named twice; it is on line 47 already: keep one of them",
        ),
        (
            "names: [www-latency, www-saturation]",
            "names: [\"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:www\", www-saturation]",
            "line 47, gates[1].alarms.names[0]: this is the whole ARN of the alarm; take the part after alarm:, www; \
             its region goes into the key region",
        ),
        (
            "{ name: www-saturation,",
            "{ name: www-saturations,",
            "line 50, gates[1].alarms.acknowledged[0].name: \"www-saturations\" is not one of this gate's alarms; did \
             you mean www-saturation?",
        ),
        (
            "reason: the old cache is being replaced, ",
            "",
            "line 50, gates[1].alarms.acknowledged[0].reason: missing; add the key reason",
        ),
        (
            "until: 2026-12-08T18:00:00Z",
            "until: friday",
            "line 50, gates[1].alarms.acknowledged[0].until: \"friday\" is not a point in time; write it as in \
             2026-12-01T09:00:00[Europe/Paris]",
        ),
        (
            "on_fail: pause",
            "max_error_rate: 1%",
            "line 51, gates[1].max_error_rate: unknown key; the keys here are name, alarms, on_fail, observe_only",
        ),
        (
            "on_fail: pause",
            "error_rate: {}",
            "line 45, gates[1]: one gate cannot ask for error_rate and for alarms; make alarms a gate of its own",
        ),
    ] {
        check(case);
    }
}

/// The load balancer of the sample's first gate, as another endpoint.
#[test]
fn presets() {
    let alb = "{ preset: alb, load_balancer: app/cloud/50dc6c495c0c9188, region: eu-west-1 }";
    let at = "line 31, gates[0].error_rate.to";
    for (source, wanted) in [
        ("{ preset: nlb, load_balancer: net/cloud/50dc, region: eu-west-1 }", String::new()),
        ("{ preset: classic-elb, load_balancer: cloud }", String::new()),
        ("{ preset: cloudfront, distribution: E2QWRUHAPOMQZL }", String::new()),
        ("{ preset: api-gateway-rest, api_name: orders, stage: prod }", String::new()),
        ("{ preset: api-gateway-http, api_id: a1b2c3 }", String::new()),
        (
            "{ preset: nlb, load_balancer: app/cloud/50dc }",
            format!(
                "{at}.load_balancer: \"app/cloud/50dc\" is an application load balancer; its preset is alb"
            ),
        ),
        (
            "{ preset: classic-elb, load_balancer: app/cloud/50dc }",
            format!(
                "{at}.load_balancer: \"app/cloud/50dc\" is not the name of a classic load balancer; give its name \
                 alone; those with app/ or net/ are of the presets alb and nlb"
            ),
        ),
        (
            "{ preset: cloudfront, distribution: E2QWRUHAPOMQZL, region: eu-west-1 }",
            format!("{at}.region: CloudFront publishes its metrics in us-east-1 alone; leave the region out"),
        ),
        (
            "{ preset: cloudfront, distribution: d111.cloudfront.net }",
            format!(
                "{at}.distribution: \"d111.cloudfront.net\" is not the id of a distribution; give its id, as in \
                 E2QWRUHAPOMQZL, not its domain name"
            ),
        ),
        (
            "{ preset: api-gateway-http, api_name: orders }",
            format!(
                "{at}.api_id: missing; add the key api_id\n\
                 {at}.api_name: unknown key; the keys here are preset, api_id, stage, region"
            ),
        ),
    ] {
        check((alb, source, &wanted));
    }
}

#[test]
fn latencies() {
    let gate = |source: &str, keys: &str| {
        let gate = format!("  - name: slow\n    latency: {{ to: {source} }}\n    {keys}\n");
        parse(&format!("{YAML}\n{gate}"), Format::Yaml).map_err(|mistakes| mistakes.to_string())
    };
    let alb = "{ preset: alb, load_balancer: app/cloud/50dc }";
    let plan = gate(alb, "max_latency: 800ms").unwrap();
    let Question::Latency(latency) = &plan.gates[2].question else { panic!("{:?}", plan.gates[2]) };
    assert_eq!(
        (latency.percentile.to_string(), latency.percentile.samples_needed()),
        ("p99".to_owned(), 1_000)
    );
    let custom =
        |metric: &str| format!("{{ preset: custom, namespace: AWS/ApplicationELB, latency: {metric} }}");
    for (source, keys, wanted) in [
        (alb, "max_latency: 1s\n    percentile: p99.9", ""),
        (alb, "max_latency: 1s\n    percentile: p50", ""),
        (&custom("TargetResponseTime"), "max_latency: 800ms", ""),
        (
            alb,
            "percentile: p99",
            "line 53, gates[2]: there is nothing to measure the latency by; give max_latency, or name the legacy side as latency.from",
        ),
        (
            alb,
            "percentile: 99",
            "line 55, gates[2].percentile: wanted text, found the number 99; put it in quotes",
        ),
        (
            alb,
            "percentile: p100",
            "line 55, gates[2].percentile: \"p100\" is not a percentile from p50 to p99.9; write it as in p50, p99 or p99.9",
        ),
        (
            alb,
            "max_latency: 1s\n    tolerated_increase: { ratio: 2 }",
            "line 56, gates[2].tolerated_increase: there is nothing to compare with; name the legacy side as latency.from",
        ),
        (
            "{ preset: nlb, load_balancer: net/cloud/50dc }",
            "max_latency: 1s",
            "line 54, gates[2].latency.to: a network load balancer has no metric of latency; it sees connections, not \
             requests: measure what is behind it, with preset custom",
        ),
        (
            "{ preset: cloudfront, distribution: E2 }",
            "max_latency: 1s",
            "line 54, gates[2].latency.to: CloudFront has no metric of latency; its OriginLatency leaves out what the \
             cache answers: measure the origin itself",
        ),
        (
            &custom("RequestCount"),
            "max_latency: 1s",
            "line 54, gates[2].latency.to.latency: \"RequestCount\" of AWS/ApplicationELB has no percentiles of a \
             latency; use TargetResponseTime",
        ),
        (
            "{ preset: custom, namespace: Web, errors: [E], requests: [R] }",
            "max_latency: 1s",
            "line 54, gates[2].latency.to.latency: missing; add the key latency",
        ),
    ] {
        let said = gate(source, keys).err().unwrap_or_default();
        assert_eq!(said, wanted, "{source} {keys}");
    }
    for text in ["p49", "p5", "p0.99", "p99.99", "p99.", "99", "P99", "p٩٩"] {
        assert!(text.parse::<Percentile>().is_err(), "{text}");
    }
    assert_eq!("p99.9".parse::<Percentile>().unwrap().samples_needed(), 10_000);
    assert_eq!("p50".parse::<Percentile>().unwrap().samples_needed(), 20);
}

#[test]
fn a_plan_needs_a_gate_that_decides() {
    let text =
        YAML.replace("on_fail: revert", "observe_only: true").replace("on_fail: pause", "observe_only: true");
    let wanted = "line 29, gates: every gate only observes, so that nothing would ever take this back; let at least one \
                  of them decide, without observe_only";
    assert_eq!(parse(&text, Format::Yaml).unwrap_err().to_string(), wanted);
}

#[test]
fn an_increase_is_tolerated_over_what_is_named() {
    let increase = |text: &str| {
        parse(text, Format::Yaml)
            .map(|plan| plan.gates[0].errors().and_then(|errors| errors.tolerated_increase()))
    };
    let said = "    tolerated_increase: { ratio: 2, points: 0.2% }\n";
    assert_eq!(increase(YAML).unwrap().unwrap().ratio, 2.0);
    assert_eq!(increase(&YAML.replace(said, "")).unwrap(), Some(ToleratedIncrease::default()));
    let (before, after) = YAML.split_once("      from:\n        preset").unwrap();
    let alone = format!("{before}{}", &after[after.find("    max_error_rate").unwrap()..]);
    let mistakes = increase(&alone).unwrap_err().to_string();
    assert_eq!(
        mistakes,
        "line 36, gates[0].tolerated_increase: there is nothing to compare with; name the legacy side as error_rate.from"
    );
    assert_eq!(increase(&alone.replace(said, "")).unwrap(), None);
}

#[test]
fn places_are_right_in_every_format() {
    for (format, text) in SAMPLES {
        let text = text.replace("50dc6c495c0c9188", "50dc+6c495c0c9188");
        let Mistakes(mistakes) = parse(&text, format).unwrap_err();
        let [mistake] = mistakes.as_slice() else { panic!("{mistakes:?}") };
        let line = text.lines().nth(mistake.line.unwrap() as usize - 1).unwrap();
        let there: String = line.chars().skip(mistake.column.unwrap() as usize - 1).collect();
        assert!(
            there.trim_start_matches('"').starts_with("app/cloud/50dc+"),
            "{format:?} {mistake:?}: {there}"
        );
        assert_eq!(mistake.path, "gates[0].error_rate.to.load_balancer");
    }
}

#[test]
fn mistakes_without_a_text_are_placed_in_it() {
    for (path, line) in
        [("records[1]", 12), ("records[1].name", 13), ("records[7].name", 9), ("to", 16), ("", 1)]
    {
        let placed = Mistakes(vec![Mistake::new(path, "", "")]).placed(YAML, Format::Yaml);
        assert_eq!(placed.0[0].line, Some(line), "{path}");
    }
}

#[test]
fn texts_that_cannot_be_read() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let bomb = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, i| {
        let before = vec![format!("*a{}", i - 1); 9].join(", ");
        format!("{text}a{i}: &a{i} [{before}]\n")
    });
    for (format, text, wanted) in [
        (Format::Yaml, String::new(), "line 1: wanted a table of keys, found nothing"),
        (Format::Yaml, "- 1".into(), "line 1: wanted a table of keys, found a list"),
        (Format::Yaml, "a: 1\n---\nb: 2\n".into(), "line 2: a plan is one document, and here another begins"),
        (
            Format::Yaml,
            "a: [1,\nb: }".into(),
            "line 1: this is not YAML that can be read: mismatched bracket",
        ),
        (Format::Yaml, deep("[", "]"), "line 1: this is not YAML that can be read: recursion limit exceeded"),
        (Format::Yaml, bomb, "line 5: this is not YAML that can be read: alias replay limit exceeded"),
        (Format::Json, deep("[", "]"), "line 1: nested deeper than 32 levels"),
        (Format::Json, "{\"name\": 1,\n  \"a\": tru}".into(), "line 2: this is not JSON: expected ident"),
        (Format::Json, "name: x".into(), "line 1: this is not JSON: expected ident"),
        (Format::Toml, format!("a = {}", deep("[", "]")), "line 1: this is not TOML: cannot recurse further"),
        (Format::Toml, "a = \n[a.b]\nx".into(), "line 1: this is not TOML: string values must be quoted"),
        (
            Format::Json,
            "x".repeat(300_000),
            "line 1: the text has 300000 bytes, more than the 262144 a plan may have",
        ),
    ] {
        let said = parse(&text, format).unwrap_err().to_string();
        assert!(said.starts_with(wanted), "{format:?} {:.40}: {said}", text);
    }
}

#[test]
fn formats_are_told_apart() {
    for (name, wanted) in [
        ("plans/www.yaml", Some(Format::Yaml)),
        ("www.YML", Some(Format::Yaml)),
        ("www.toml", Some(Format::Toml)),
        ("www.json", Some(Format::Json)),
        ("www.txt", None),
        ("yaml", None),
    ] {
        assert_eq!(Format::of_file(name), wanted, "{name}");
    }
    for (content_type, wanted) in [
        ("application/json; charset=utf-8", Some(Format::Json)),
        ("Application/YAML", Some(Format::Yaml)),
        ("text/x-toml", Some(Format::Toml)),
        ("text/plain", None),
        ("", None),
    ] {
        assert_eq!(Format::of_content_type(content_type), wanted, "{content_type}");
    }
}

#[test]
fn long_texts_are_read_to_their_end() {
    let ones = "1,".repeat(130_000) + "1";
    let keys = |separator: &str| (0..20_000).map(|i| format!("nome{i}{separator}")).collect::<String>();
    for (format, text) in [
        (Format::Yaml, format!("name: [{}]", &ones[..200_001])),
        (Format::Json, format!("{{\"ramp\": {{\"hold\": \"é\", \"steps\": [{}]}}}}", &ones[..200_001])),
        (Format::Toml, format!("records = [{}]", &ones[..200_001])),
        (Format::Yaml, keys(": 1\n")),
        (Format::Toml, keys("=1\n")),
        (
            Format::Json,
            format!("{{{}\"a\":1}}", (0..18_000).map(|i| format!("\"k{i}\":1,")).collect::<String>()),
        ),
    ] {
        never_panics(&text, format);
    }
}

/// Whatever is read is a plan that can be kept: its canonical form reads back.
fn never_panics(text: &str, format: Format) {
    match parse(text, format) {
        Ok(plan) => {
            let canonical = serde_json::to_string(&plan).unwrap();
            assert_eq!(parse(&canonical, Format::Json).as_ref(), Ok(&plan), "{text}");
        }
        Err(Mistakes(mistakes)) => {
            assert!(!mistakes.is_empty());
            assert!(mistakes.iter().all(|mistake| mistake.line.is_some()));
        }
    }
}

fn sample() -> impl Strategy<Value = (Format, &'static str)> {
    (0..SAMPLES.len()).prop_map(|i| SAMPLES[i])
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        for (format, _) in SAMPLES {
            never_panics(&text, format);
        }
    }

    #[test]
    fn no_text_of_signs_makes_it_panic(text in r#"[\[\]{}:,"'&*!|>%#@a1.\\ \n-]{0,80}"#) {
        for (format, _) in SAMPLES {
            never_panics(&text, format);
        }
    }

    #[test]
    fn no_edit_makes_it_panic(
        (format, text) in sample(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12usize, "\\PC{0,3}|[0-9\\-.\\[{\"':,\\n ]{1,3}"), 1..4),
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, length, with) in edits {
            let start = at.index(characters.len() + 1);
            let end = (start + length).min(characters.len());
            characters.splice(start..end, with.chars());
        }
        never_panics(&characters.into_iter().collect::<String>(), format);
    }

    #[test]
    fn no_missing_or_moved_line_makes_it_panic(
        (format, text) in sample(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        keep in any::<bool>(),
    ) {
        let mut lines: Vec<&str> = text.lines().collect();
        let line = lines.remove(from.index(lines.len()));
        if keep {
            lines.insert(to.index(lines.len() + 1), line);
        }
        never_panics(&lines.join("\n"), format);
    }
}
