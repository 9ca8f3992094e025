//! The keys of a probe, and records that have nothing to be probed.

use super::*;

#[test]
fn probes() {
    let gate = |keys: &str| {
        let gate = format!("  - name: reachable\n    probe: {keys}\n");
        parse(&format!("{YAML}\n{gate}"), Format::Yaml).map_err(|mistakes| mistakes.to_string())
    };
    let probe = |keys: &str| {
        let plan = gate(keys).unwrap();
        let Question::Probe(probed) = &plan.gates[2].question else { panic!("{:?}", plan.gates[2]) };
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(parse(&json, Format::Json).unwrap(), plan);
        probed.probe.clone()
    };
    let usual = probe("{}");
    assert_eq!((usual.path.as_str(), usual.port(), usual.timeout.to_string()), ("/", 443, "5s".to_owned()));
    assert!(usual.takes(404) && !usual.takes(500));
    let plain = probe("{ scheme: http, path: \"/a?b=%20c\", status: [200, 204], timeout: 1s }");
    assert_eq!((plain.path.as_str(), plain.port(), plain.takes(404)), ("/a?b=%20c", 80, false));
    assert_eq!(probe("{ port: 8443 }").port(), 8443);
    for (keys, wanted) in [
        ("true", "line 54, gates[2].probe: wanted a table of keys, found true"),
        (
            "{ port: 0 }",
            "line 54, gates[2].probe.port: wanted a whole number from 1 to 65535, found the number 0",
        ),
        ("{ scheme: tcp }", "line 54, gates[2].probe.scheme: \"tcp\" cannot be probed; choose https or http"),
        (
            "{ path: healthz }",
            "line 54, gates[2].probe.path: \"healthz\" is not a path; begin it with a slash, as in /healthz; the \
             names and the port are not part of it",
        ),
        (
            "{ path: \"/a b\" }",
            "line 54, gates[2].probe.path: \"/a b\" cannot be asked for as it is; write other characters as % and two \
             hexadecimal digits",
        ),
        ("{ status: [] }", "line 54, gates[2].probe.status: the list is empty; give at least one"),
        (
            "{ status: [99] }",
            "line 54, gates[2].probe.status[0]: wanted a whole number from 200 to 599, found the number 99",
        ),
        (
            "{ timeout: 1m }",
            "line 54, gates[2].probe.timeout: 1m is too long to wait for an answer; give at most 15s; 5s is usual",
        ),
        (
            "{ timeout: 0s }",
            "line 54, gates[2].probe.timeout: nothing answers in no time; allow some; 5s is usual",
        ),
    ] {
        assert_eq!(gate(keys).err().unwrap_or_default(), wanted, "{keys}");
    }
}

/// HTTPS and SVCB records are about the endpoint that the addresses beside them lead to.
#[test]
fn what_cannot_be_probed() {
    let said = |types: &[&str], gate: &str| {
        let entry = |(index, types): (usize, &&str)| {
            format!(
                "  - {{ zone: Z1, name: \"{}\", types: [{types}] }}\n",
                ["a.example", "b.example"][index % 2]
            )
        };
        let records: String = types.iter().enumerate().map(entry).collect();
        let text = format!(
            "name: x\nrecords:\n{records}from: {{ legacy: 1 }}\nto: {{ cloud: 1 }}\nramp: {{ steps: [10], hold: 10m }}\n\
             gates:\n  - {{ name: up, {gate} }}\n"
        );
        parse(&text, Format::Yaml).err().map(|mistakes| mistakes.to_string())
    };
    for types in ["A", "AAAA", "CNAME", "A, AAAA, HTTPS", "SVCB, AAAA"] {
        assert_eq!(said(&[types], "probe: {}"), None, "{types}");
    }
    assert_eq!(said(&["A", "A", "HTTPS"], "probe: {}"), None, "the addresses are in another entry");
    assert_eq!(said(&["TXT", "MX"], "alarms: { names: [a] }"), None);
    let wanted = |line: u32, what: &str| {
        Some(format!(
            "line {line}, gates[0].probe: {what}: only A, AAAA and CNAME lead to an endpoint; take this gate out, or \
             make a plan without it of the records that cannot be probed"
        ))
    };
    assert_eq!(said(&["TXT"], "probe: {}"), wanted(8, "a.example TXT cannot be probed"));
    assert_eq!(said(&["A, MX"], "probe: {}"), wanted(8, "a.example MX cannot be probed"));
    assert_eq!(
        said(&["A", "HTTPS, SRV"], "probe: {}, observe_only: false"),
        wanted(9, "b.example HTTPS cannot be probed, nor can 1 more of the records")
    );
}
