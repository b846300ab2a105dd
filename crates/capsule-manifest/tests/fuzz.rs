//! Whatever the text, parsing answers: no panic, and every report can be printed.

#![expect(clippy::unwrap_used, reason = "a helper of a test must fail the test")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use astrid_capsule_manifest::{
    ManifestError, ManifestWarning, Schedule, TopicPattern, parse_distro, parse_manifest,
    parse_manifest_bytes,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

static FIXTURES: LazyLock<Vec<(PathBuf, String)>> = LazyLock::new(|| {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort_unstable();
    files
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
});

/// Pieces that mean something to the parser, so that a mutation often stays TOML.
const PIECES: [&str; 24] = [
    "\"\"",
    "[]",
    "{}",
    "true",
    "-1",
    "1e400",
    "nan",
    "2026-01-01",
    "\"..\"",
    "\"*\"",
    "\"\\u0000\"",
    "\n",
    "[[",
    "]]",
    ".",
    "=",
    "\"",
    "#",
    "[capabilities]\n",
    "[[component]]\n",
    "99999999999",
    "{ wit = \"x\" }",
    "'''",
    "\u{feff}",
];

fn check<T>(outcome: Result<(T, Vec<ManifestWarning>), ManifestError>) {
    match outcome {
        Ok((_, warnings)) => assert!(
            warnings
                .iter()
                .all(|warning| warning.to_string().lines().count() == 1)
        ),
        Err(error) => {
            assert!(!error.faults().is_empty());
            assert!(
                error
                    .faults()
                    .iter()
                    .all(|fault| fault.to_string().lines().count() == 1)
            );
        }
    }
}

fn check_text(text: &str) {
    check(parse_manifest(text, Path::new("Capsule.toml")));
    check(parse_distro(text, Path::new("Distro.toml")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    // manifest case 34
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        check(parse_manifest_bytes(&bytes, Path::new("Capsule.toml")));
    }

    // manifest case 34
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        check_text(&text);
    }

    // manifest case 34
    #[test]
    fn texts_made_of_toml_never_panic(parts in prop::collection::vec(prop_oneof![
        select(PIECES.as_slice()).prop_map(str::to_owned),
        select(["package", "name", "subscribe", "env", "cron", "schedule", "imports", "capsule", "schema-version"].as_slice()).prop_map(|word| format!("\n{word} = ")),
        select(["package", "subscribe", "env.k", "imports.a", "distro", "publish"].as_slice()).prop_map(|word| format!("\n[{word}]\n")),
    ], 0..40)) {
        check_text(&parts.concat());
    }

    // manifest case 34
    #[test]
    fn mutated_manifests_never_panic(
        which in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), 0..24_usize, select(PIECES.as_slice())), 1..6),
    ) {
        let mut text = which.get(&FIXTURES).1.clone();
        for (place, removed, piece) in edits {
            let start = text.floor_char_boundary(place.index(text.len() + 1));
            let end = text.floor_char_boundary((start + removed).min(text.len()));
            text.replace_range(start..end.max(start), piece);
        }
        check_text(&text);
    }

    // manifest case 34
    #[test]
    fn a_value_replaced_by_another_never_panics(which in any::<Index>(), place in any::<Index>(), piece in select(PIECES.as_slice())) {
        let lines: Vec<&str> = which.get(&FIXTURES).1.lines().collect();
        let victim = place.index(lines.len());
        let edit = |(number, line): (usize, &&str)| match line.split_once(" = ") {
            Some((key, _)) if number == victim => format!("{key} = {piece}"),
            _ => (*line).to_owned(),
        };
        check_text(&lines.iter().enumerate().map(edit).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_schedule_that_parses_fires_on_some_date(text in "[0-9*/,SUNMOJAFEB -]{1,24}") {
        if let Ok(schedule) = Schedule::parse(&text)
            && let astrid_capsule_manifest::ScheduleRule::Calendar(fields) = schedule.rule()
        {
            let dates = (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day)));
            let fires = dates.into_iter().any(|(month, day)| (0..7).any(|weekday| fields.matches_date(month, day, weekday)));
            prop_assert!(fires);
            let (hour, minute, second) = fields.time_at_or_after(0, 0, 0).unwrap();
            prop_assert!(fields.matches_time(hour, minute, second));
        }
    }

    #[test]
    fn a_pattern_that_parses_is_within_its_limits(text in "[a-z*._:-]{0,40}") {
        if let Ok(pattern) = TopicPattern::parse(&text) {
            prop_assert_eq!(pattern.as_str(), &text);
            prop_assert!(pattern.split('.').all(|segment| !segment.is_empty()));
            prop_assert!(pattern.split('.').count() <= 8);
        }
    }
}
