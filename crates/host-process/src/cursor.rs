//! Cursors: places in a process's output that only the host can make.

use zeroize::Zeroizing;

use crate::child::Place;
use crate::ids::{IdHash, random, spell, unspell};
use crate::{Error, LogStream};

const VERSION: u8 = 1;
/// Version, stream, generation, offset, dropped.
const BODY: usize = 1 + 1 + 8 + 8 + 8;
const MAC: usize = 8;

/// Makes and reads cursor tokens, with a key of this start of the host.
pub(crate) struct Cursors {
    key: Zeroizing<[u8; 32]>,
}

/// Which output a cursor belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) process: &'a IdHash,
    /// The process's number in this start of the host.
    pub(crate) generation: u64,
    pub(crate) stream: LogStream,
}

impl Cursors {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self { key: random()? })
    }

    pub(crate) fn token(&self, line: Line<'_>, place: Place) -> String {
        let mut token = head(line);
        token.extend(place.offset.to_be_bytes());
        token.extend(place.dropped.to_be_bytes());
        token.extend(self.mac(line, &token));
        spell(&token)
    }

    /// `None` for everything that this host did not make for this output.
    pub(crate) fn read(&self, line: Line<'_>, token: &str) -> Option<Place> {
        // So that an absurd token is not decoded first.
        if token.len() > 2 * (BODY + MAC) {
            return None;
        }
        let bytes = unspell(token)?;
        let (body, mac) = bytes.split_at_checked(BODY)?;
        let numbers = body.strip_prefix(head(line).as_slice())?;
        let (offset, dropped) = numbers.split_first_chunk::<8>()?;
        let dropped = dropped.first_chunk::<8>()?;
        (mac == self.mac(line, body))
            .then(|| Place { offset: u64::from_be_bytes(*offset), dropped: u64::from_be_bytes(*dropped) })
    }

    fn mac(&self, line: Line<'_>, body: &[u8]) -> [u8; MAC] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(line.process.as_bytes());
        hasher.update(body);
        let mut mac = [0; MAC];
        hasher.finalize_xof().fill(&mut mac);
        mac
    }
}

fn head(line: Line<'_>) -> Vec<u8> {
    let stream = match line.stream {
        LogStream::Stdout => 1,
        LogStream::Stderr => 2,
    };
    let mut head = vec![VERSION, stream];
    head.extend(line.generation.to_be_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ids;

    // process case 51
    #[test]
    fn a_cursor_of_another_stream_process_or_generation_and_a_forged_one_is_none() {
        let (cursors, ids) = (Cursors::new().unwrap(), Ids::new().unwrap());
        let (one, two) = (ids.hash("one"), ids.hash("two"));
        let line = Line { process: &one, generation: 7, stream: LogStream::Stdout };
        let place = Place { offset: 1 << 40, dropped: 3 };
        let token = cursors.token(line, place);
        assert_eq!(cursors.read(line, &token), Some(place));
        assert_eq!(cursors.read(Line { stream: LogStream::Stderr, ..line }, &token), None);
        assert_eq!(cursors.read(Line { process: &two, ..line }, &token), None);
        assert_eq!(cursors.read(Line { generation: 8, ..line }, &token), None);
        assert_eq!(Cursors::new().unwrap().read(line, &token), None, "after a restart");
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(cursors.read(line, std::str::from_utf8(&forged).unwrap()), None, "{at}");
        }
        for bad in ["", "x", &token[1..], &format!("{token}a"), &"a".repeat(1 << 20)] {
            assert_eq!(cursors.read(line, bad), None);
        }
    }
}
