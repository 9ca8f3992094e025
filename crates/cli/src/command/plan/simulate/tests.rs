//! Golden timelines: each script in `docs/timelines` has beside it what comes of it, to the letter.

use std::path::{Path, PathBuf};

use super::*;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/timelines");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<PathBuf> =
        files.filter(|file| file.to_string_lossy().ends_with(".script.yaml")).collect();
    scripts.sort();
    scripts
}

/// With `UPDATE_TIMELINES=1` what is beside them is written anew, for somebody to read the difference.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test has no other way to be told")]
fn what_comes_of_every_script_is_beside_it() {
    let update = std::env::var_os("UPDATE_TIMELINES").is_some();
    assert!(!scripts().is_empty());
    for file in scripts() {
        let script = Script::read(&file).unwrap();
        let plan = crate::command::plan::read(&script.plan).unwrap();
        let told = told(&plan, &simulate(&plan, &script.setting(Timestamp::UNIX_EPOCH)).unwrap());
        let beside = file.with_extension("").with_extension("txt");
        if update {
            fs::write(&beside, &told).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(told, expected, "{}", beside.display());
    }
}

#[test]
fn a_picture_shows_every_step_and_every_failure() {
    let file =
        scripts().into_iter().find(|file| file.to_string_lossy().contains("errors-at-a-quarter")).unwrap();
    let script = Script::read(&file).unwrap();
    let plan = crate::command::plan::read(&script.plan).unwrap();
    let simulation = simulate(&plan, &script.setting(Timestamp::UNIX_EPOCH)).unwrap();
    let line = chart::line(&simulation.timeline, 40);
    assert_eq!(line.chars().count(), 40);
    assert!(line.starts_with('▁') && line.contains('▁') && line.contains('▂'), "{line}");
    let svg = chart::svg(&plan.name, &simulation.timeline);
    assert!(
        svg.starts_with("<svg ") && svg.contains("gate errors failed") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
}

#[test]
fn a_length_of_time_is_in_the_units_that_it_needs() {
    let cases = [(0, "0 s"), (61, "1 min 1 s"), (90_000, "1 d 1 h")];
    for (seconds, told) in cases {
        assert_eq!(length(SignedDuration::from_secs(seconds)), told);
    }
}
