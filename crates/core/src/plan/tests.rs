#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

const GOOD: &str = include_str!("samples/www.yaml");
#[test]
fn demo() {
    for (format, text) in [
        (Format::Yaml, GOOD), (Format::Toml, include_str!("samples/www.toml")), (Format::Json, include_str!("samples/www.json")),
        (Format::Yaml, BAD), (Format::Yaml, "a: [1, 2\nb: }"), (Format::Yaml, ""), (Format::Yaml, "- 1"),
        (Format::Yaml, "a: 1\n---\nb: 2\n"),
        (Format::Yaml, "a: *x\n"),
        (Format::Yaml, "? [a, b]\n: 2\n"),
        (Format::Yaml, "a: !!int foo\n"),
        (Format::Yaml, "a: \tb: c"),
        (Format::Yaml, &"[".repeat(10_000)),
        (Format::Json, &"[".repeat(10_000)),
        (Format::Json, &format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
        (Format::Toml, &format!("a = {}", "[".repeat(10_000))),
        (Format::Toml, &format!("a{} = 1", ".a".repeat(100))),
        (Format::Toml, &format!("[a{}]", ".a".repeat(1000))),
        (Format::Json, "{\"name\": 1,\n  \"a\": tru}"), (Format::Json, "{\"name\": \"x\", \"name\": \"y\",}"),
        (Format::Toml, "name = \nfoo = 1\nfoo = 2\nx"),
        (Format::Toml, "name = 'x'\nfoo = 99999999999999999999999\nlabels.a = 0x10"),
    ] {
        match parse(text, format) {
            Ok(plan) => println!("{format:?} ok {}\n", serde_json::to_string(&plan).unwrap()),
            Err(e) => println!("{format:?} {:.60}:\n{e}\n", text),
        }
    }
}
const BAD: &str = r#"
name: WWW to AWS
labels: { "a b": x, n: 1 }
runbook: javascript:alert(1)
records:
  - zone: Z0123456789ABC
    name: www.example.com
    types: [A, aaaa, NS]
  - zone: /hostedzone/Z0123456789ABC
    name: WWW.example.com.
    types: [A]
  - zone: example.com
    name: w w.example.com
    types: []
from: { legacy: 1 }
to: { cloud: 1, legacy: 0.5 }
ramp:
  steps: [1, 5, 5, "10%", 50, 50.01, { share: 100, hold: 5h, aproval: yes }, 0.00001, 101]
  holdd: 30m
  bake: 24
settle_margin: -3s
notify: [slack]
schedule:
  start: 2027-03-28T02:30:00[Europe/Paris]
  windows: []
gates:
  - name: errors
    error_rate:
      to: { preset: alb, load_balancer: "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/cloud/50dc6c495c0c9188", region: eu-west-1 }
      from: { preset: nlb, load_balancer: x }
    max_error_rate: 1
    tolerated_increase: 3
  - name: errors
    error_rate:
      to: { preset: custom, namespace: X, errors: [], requests: [a, a], period: 45s }
    min_requests: 0
    on_fail: rollback
  - name: alarms
    alarms: { names: [x] }
"#;
