//! The input of a child.

use crate::Error;
use crate::limits::{MAX_PRELUDE, MAX_WRITE};

/// What a request brings with it.
pub(crate) fn check_prelude(stdin: Option<&[u8]>) -> Result<(), Error> {
    if stdin.is_some_and(|bytes| bytes.len() > MAX_PRELUDE) {
        return Err(Error::TooLarge { what: "stdin", limit: MAX_PRELUDE as u64 });
    }
    Ok(())
}

/// What one call writes; its length.
pub(crate) fn check_write(data: &[u8]) -> Result<u32, Error> {
    let too_large = Error::TooLarge { what: "one write", limit: MAX_WRITE as u64 };
    u32::try_from(data.len()).ok().filter(|_| data.len() <= MAX_WRITE).ok_or(too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    // process case 13
    #[test]
    fn the_input_of_a_request_has_at_most_4_mib() {
        let stdin = vec![0; MAX_PRELUDE + 1];
        assert!(check_prelude(None).is_ok());
        assert!(check_prelude(stdin.get(1..)).is_ok());
        assert!(matches!(check_prelude(Some(&stdin)), Err(Error::TooLarge { limit: 4_194_304, .. })));
    }
}
