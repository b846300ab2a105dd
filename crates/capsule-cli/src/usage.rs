//! A wrong command line, in one line like every other error.

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::error::{self, CliError};
use crate::output;

/// Prints what clap answers instead of arguments: help and version on stdout, an error on stderr.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match output::result(&text.ansi().to_string()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    output::errors(&error);
                    ExitCode::from(error::FAILED)
                }
            }
        }
        _ => {
            output::errors(&CliError::new(in_one_line(&text.to_string())));
            ExitCode::from(error::USAGE)
        }
    }
}

/// Keeps what is wrong and the tip, and names the way to the rest.
fn in_one_line(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim);
    let kept =
        paragraphs.filter(|part| !part.starts_with("Usage:") && !part.starts_with("For more information"));
    let lines: Vec<String> = kept.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let line = lines.join("; ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    format!("{line}; see --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clap_error_keeps_its_problem_and_its_tip() {
        let text = "error: unrecognized subcommand 'buld'\n\n  tip: a similar subcommand exists: 'build'\n\n\
                    Usage: capsule <COMMAND>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            in_one_line(text),
            "unrecognized subcommand 'buld'; tip: a similar subcommand exists: 'build'; see --help"
        );
    }

    #[test]
    fn a_list_of_missing_arguments_stays_with_its_sentence() {
        let text = "error: the following required arguments were not provided:\n  <NAME>\n\nUsage: capsule new <NAME>\n";
        assert_eq!(
            in_one_line(text),
            "the following required arguments were not provided: <NAME>; see --help"
        );
    }
}
