//! Plans, in all three formats. What is accepted must survive being written as JSON and read again.

#![no_main]

use crossfade_core::plan::{Format, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((format, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // A digit, so that a seed is a plan behind one letter.
    let format = match format % 3 {
        0 => Format::Yaml,
        1 => Format::Toml,
        _ => Format::Json,
    };
    match parse(text, format) {
        Ok(plan) => {
            let json = serde_json::to_string(&plan).expect("a plan is JSON");
            let again = parse(&json, Format::Json).unwrap_or_else(|mistakes| panic!("{json}: {mistakes}"));
            assert_eq!(again, plan);
        }
        // To be shown, a mistake is put together with the text it is about.
        Err(mistakes) => drop(mistakes.to_string()),
    }
});
