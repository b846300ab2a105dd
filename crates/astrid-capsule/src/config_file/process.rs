//! The keys of `[process]`.

use std::ops::RangeInclusive;

use astrid_host_process::Network;
use astrid_process_sandbox::Isolation;

use super::{Entry, Takes, word};
use crate::Config;

const fn process(key: &'static str, range: RangeInclusive<i64>, set: fn(&mut Config, u64)) -> Entry {
    Entry { section: "process", key, takes: Takes::Number(range, set) }
}

pub(super) static ENTRIES: &[Entry] = &[
    word("process", "sandbox", &["best", "bubblewrap", "landlock", "off"], |config, n| {
        config.process_sandbox = match n {
            0 => Isolation::Best,
            1 => Isolation::Bubblewrap,
            2 => Isolation::Landlock,
            _ => Isolation::Off,
        };
    }),
    word("process", "network", &["host", "none"], |config, n| {
        config.process_network = Some(if n == 0 { Network::Host } else { Network::None });
    }),
    process("max_background_processes", 1..=64, |config, n| config.process_most_background = n),
    process("max_stdin_bytes", 1..=1 << 40, |config, n| config.process_max_stdin_bytes = n),
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::from_toml(text, Path::new("etc/config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_keys_of_process_set_their_fields() {
        let set = "[process]\nsandbox = \"landlock\"\nnetwork = \"none\"\n\
                   max_background_processes = 3\nmax_stdin_bytes = 9\n";
        let config = parse(set).unwrap();
        assert_eq!(
            (config.process_sandbox, config.process_network),
            (Isolation::Landlock, Some(Network::None))
        );
        assert_eq!((config.process_most_background, config.process_max_stdin_bytes), (3, 9));
        for (word, meant) in
            [("best", Isolation::Best), ("bubblewrap", Isolation::Bubblewrap), ("off", Isolation::Off)]
        {
            assert_eq!(parse(&format!("[process]\nsandbox = \"{word}\"\n")).unwrap().process_sandbox, meant);
        }
        let silent = parse("[process]\n").unwrap();
        assert_eq!((silent.process_sandbox, silent.process_network), (Isolation::Best, None));
        assert_eq!((silent.process_most_background, silent.process_max_stdin_bytes), (64, 256 << 20));
    }

    #[test]
    fn what_they_do_not_take_is_named() {
        for (line, said) in [
            ("sandbox = \"on\"", "sandbox: not \"on\"; allowed: best, bubblewrap, landlock, off"),
            ("max_background_processes = 65", "max_background_processes: not 65; allowed: 1 to 64"),
            ("netwrok = \"none\"", "netwrok: unknown key; did you mean network"),
        ] {
            let error = parse(&format!("[process]\n{line}\n")).unwrap_err();
            assert_eq!(error, format!("etc/config.toml:2:process.{said}"));
        }
    }
}
