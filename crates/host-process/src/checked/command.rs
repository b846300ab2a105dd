//! The command and its arguments.

use crate::Error;
use crate::limits::{EXEC_OVERHEAD, MAX_ARG, MAX_ARGS, MAX_EXEC, MAX_PROGRAM};

/// The syntax of `cmd`. Whether it may be run is the gate's.
pub(crate) fn check_program(cmd: &str) -> Result<(), Error> {
    if cmd.is_empty() || cmd.len() > MAX_PROGRAM {
        return Err(Error::Invalid("a command has 1 to 4096 bytes"));
    }
    if cmd.chars().any(char::is_control) {
        return Err(Error::Invalid("a command has no control character"));
    }
    Ok(())
}

/// The arguments, and everything that exec copies.
pub(crate) fn check_sizes(cmd: &str, args: &[String], env: &[(String, String)]) -> Result<(), Error> {
    if args.len() > MAX_ARGS {
        return Err(Error::Invalid("a command has at most 4096 arguments"));
    }
    if args.iter().any(|arg| arg.len() > MAX_ARG) {
        return Err(Error::Invalid("an argument has at most 131071 bytes"));
    }
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err(Error::Invalid("an argument has no NUL"));
    }
    let strings = args.iter().map(String::len).chain([cmd.len()]);
    let variables = env.iter().map(|(key, value)| key.len() + 1 + value.len());
    let all: usize = strings.chain(variables).map(|bytes| bytes + EXEC_OVERHEAD).sum();
    if all > MAX_EXEC {
        return Err(Error::Invalid("command, arguments and environment have at most 1048576 bytes together"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // process case 7
    #[test]
    fn a_command_has_1_to_4096_bytes_and_no_control_character() {
        assert!(check_program("git").is_ok());
        assert!(check_program(&"x".repeat(4096)).is_ok());
        for bad in ["", "a\nb", "a\0", "\u{7f}", &"x".repeat(4097)] {
            assert!(check_program(bad).is_err(), "{bad:?}");
        }
    }

    // process case 9
    #[test]
    fn arguments_are_bounded_one_by_one_in_number_and_together() {
        let arg = |n| "x".repeat(n);
        assert!(check_sizes("sh", &[arg(131_071)], &[]).is_ok());
        assert!(check_sizes("sh", &[arg(131_072)], &[]).is_err());
        assert!(check_sizes("sh", &vec![arg(1); 4096], &[]).is_ok());
        assert!(check_sizes("sh", &vec![arg(1); 4097], &[]).is_err());
        // 8 * (100_000 + 9) + 2 + 9 is what there is before the rest.
        let base = vec![arg(100_000); 8];
        let rest = MAX_EXEC - 8 * (100_000 + 9) - (2 + 9) - (1 + 1 + 9);
        let two = |n: usize| [base.clone(), vec![arg(n - n / 2 - 18), arg(n / 2)]].concat();
        let env = [("A".to_owned(), String::new())];
        assert!(check_sizes("sh", &two(rest), &env).is_ok());
        assert!(check_sizes("sh", &two(rest + 1), &env).is_err());
    }

    // process case 6
    #[test]
    fn arguments_may_hold_anything_but_nul() {
        let check = |arg: &str| check_sizes("sh", &[arg.to_owned()], &[]);
        assert!(check("a\nb\t'c'\"$(x)\u{1b}").is_ok());
        assert!(check("a\0b").is_err());
    }
}
