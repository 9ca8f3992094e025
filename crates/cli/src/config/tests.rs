use std::{path::PathBuf, time::Duration};

use super::*;

const NONE: [(&str, &str); 0] = [];

fn shipped(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn of<const N: usize>(text: &str, environment: [(&str, &str); N]) -> Result<Loaded, ConfigError> {
    read(Some((Path::new("crossfade.toml"), text)), &Environment::from(environment))
}

#[track_caller]
fn check<const N: usize>(text: &str, environment: [(&str, &str); N], wanted: &[&str]) {
    let said = match of(text, environment) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Wrong(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        Err(other) => vec![other.to_string()],
    };
    assert_eq!(said, wanted);
}

/// Keys are commented out by a `#` with nothing between; sentences have a space there.
fn uncommented(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') && !rest.is_empty() => rest.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_has_every_key_at_its_default() {
    let text = shipped("crossfade.toml");
    let defaults = Config::default().entries();
    assert_eq!(of(&text, NONE).unwrap().config.entries(), defaults, "as it is shipped");

    let loaded = of(&uncommented(&text), NONE).unwrap();
    assert_eq!(loaded.config.entries(), defaults, "with everything uncommented");
    let known: Vec<&String> = defaults.iter().map(|(key, _)| key).collect();
    let mut written: Vec<&String> = loaded.sources.keys().collect();
    written.sort_by_key(|key| known.iter().position(|known| known == key));
    assert_eq!(written, known);
}

#[test]
fn shipped_plans_are_in_order() {
    for plan in ["minimal", "www-to-aws", "demo"] {
        let text = shipped(&format!("plans/{plan}.yaml"));
        if let Err(mistakes) = crossfade_core::plan::parse(&text, crossfade_core::plan::Format::Yaml) {
            panic!("{plan}: {mistakes}");
        }
    }
}

#[test]
fn the_environment_comes_before_the_file_and_the_file_before_the_default() {
    let file = "[store]\nurl = 'sqlite://file.db'\n[engine]\npoll = '2s'\n";
    let source = |loaded: &Loaded, key: &str| loaded.sources.get(key).map(ToString::to_string);

    let loaded = of(file, NONE).unwrap();
    assert_eq!(loaded.config.store.url, "sqlite://file.db");
    assert_eq!(source(&loaded, "store.url").as_deref(), Some("crossfade.toml, line 2"));
    assert_eq!(source(&loaded, "server.listen"), None);

    let loaded = of(file, [("DATABASE_URL", "postgres://db/a")]).unwrap();
    assert_eq!(loaded.config.store.url, "postgres://db/a");

    let both = [("CROSSFADE_STORE__URL", "postgres://db/b"), ("DATABASE_URL", "postgres://db/a")];
    let loaded = of(file, both).unwrap();
    assert_eq!(loaded.config.store.url, "postgres://db/b");
    assert_eq!(loaded.config.engine.poll, Duration::from_secs(2));
    let wanted = "environment variable CROSSFADE_STORE__URL";
    assert_eq!(source(&loaded, "store.url").as_deref(), Some(wanted));
}

#[test]
fn accounts() {
    let region = |loaded: &Loaded, name: &str| loaded.config.accounts[name].region.clone();
    let loaded = of("", NONE).unwrap();
    assert_eq!(region(&loaded, "default").as_deref(), Some("us-east-1"));
    assert_eq!(region(&of("", [("AWS_REGION", "eu-west-3")]).unwrap(), "default"), None, "the SDK knows it");

    let file = "[accounts.prod]\nregion = 'eu-west-1'\n[accounts.lab]\nprofile = 'lab'\n";
    let loaded = of(file, [("CROSSFADE_ACCOUNTS__EDGE__REGION", "eu-north-1")]).unwrap();
    assert_eq!(loaded.config.accounts.keys().collect::<Vec<_>>(), ["edge", "lab", "prod"]);
    assert_eq!(region(&loaded, "prod").as_deref(), Some("eu-west-1"));
    assert_eq!(region(&loaded, "lab"), None, "the profile may have one");
    assert_eq!(region(&loaded, "edge").as_deref(), Some("eu-north-1"));
}

#[test]
fn a_mistake_names_its_place_its_key_and_the_nearest_known_key() {
    check(
        "[server]\nlisten = '127.0.0.1:8080'\nlissten = 'x'\n",
        NONE,
        &["crossfade.toml, line 3: server.lissten: unknown key; did you mean server.listen?"],
    );
    check(
        "[sever]\nlisten = '127.0.0.1:8080'\n",
        NONE,
        &["crossfade.toml, line 1: sever: unknown section; did you mean server?"],
    );
    check(
        "[accounts.prod]\nrole = 'x'\n",
        NONE,
        &["crossfade.toml, line 2: accounts.prod.role: unknown key; did you mean accounts.prod.role_arn?"],
    );
    check(
        "",
        [("CROSSFADE_ENGINE__POL", "1s")],
        &["environment variable CROSSFADE_ENGINE__POL: engine.pol: unknown key; did you mean engine.poll?"],
    );
    check(
        "[engine]\npoll = 5\nrequests_per_second = 0\n[store]\nurl = 'mysql://db'\n",
        NONE,
        &[
            "crossfade.toml, line 5: store.url: expected a database's URL, \"sqlite://path\" or \
             \"postgres://user:password@host/database\", found \"mysql://db\"",
            "crossfade.toml, line 2: engine.poll: expected a length of time of up to a week, such as \"30s\" or \"5m\", \
             found 5",
            "crossfade.toml, line 3: engine.requests_per_second: expected a whole number above zero, found 0",
        ],
    );
    check(
        "[server]\nlisten = \n",
        NONE,
        &[
            "the configuration file crossfade.toml is not TOML: line 2: string values must be quoted, expected literal string",
        ],
    );
}

#[test]
fn without_authentication_only_loopback_is_listened_on() {
    for (listen, fine) in
        [("127.0.0.1:1", true), ("[::1]:1", true), ("0.0.0.0:1", false), ("10.0.0.1:80", false)]
    {
        let loaded = of(&format!("[server]\nlisten = '{listen}'"), NONE);
        assert_eq!(loaded.is_ok(), fine, "{listen}");
    }
    let Err(ConfigError::Wrong(mistakes)) = of("[auth]\ntokens = ['t0p-s3cret']", NONE) else {
        panic!("tokens are not supported")
    };
    let said = mistakes[0].to_string();
    assert!(said.contains("auth.tokens: tokens are not supported by this version"), "{said}");
    assert!(!said.contains("t0p"), "{said}");
}

#[test]
fn passwords_are_not_shown() {
    for (url, shown) in [
        ("sqlite://crossfade.db", "sqlite://crossfade.db"),
        ("sqlite:a.db?mode=ro", "sqlite:a.db?mode=ro"),
        ("postgres://db.example.com/crossfade", "postgres://db.example.com/crossfade"),
        ("postgres://me@db/crossfade", "postgres://me@db/crossfade"),
        ("postgres://me:s3cret@db:5432/crossfade", "postgres://me:***@db:5432/crossfade"),
        ("postgres://me:s3@c/r?t@db/crossfade", "postgres://me:***@db/crossfade"),
        ("postgres://db/c?user=me&password=s3cret&x=1", "postgres://db/c?user=me&password=***&x=1"),
    ] {
        assert_eq!(redacted(url), shown);
    }
}
