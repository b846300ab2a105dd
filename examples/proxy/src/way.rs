//! One direction of a connection.

use astrid_sdk::astrid_sys::astrid::io::poll::Pollable;
use astrid_sdk::astrid_sys::astrid::io::streams::{InputStream, OutputStream, StreamError};
use astrid_sdk::astrid_sys::astrid::net::host::{ShutdownHow, TcpStream};

/// Bytes asked to be moved at a time, the most one call moves.
const PIECE: u64 = 1 << 20;
/// Calls before others have their turn.
const TURNS: usize = 8;

enum State {
    /// Waits for bytes of the source.
    Reading,
    /// Waits for room in the target.
    Writing,
    /// The source ended, and the target still has bytes to hand on.
    Ending,
    Done,
}

/// From one socket to another.
pub struct Way {
    // What waits goes before what is waited for.
    readable: Pollable,
    writable: Pollable,
    from: InputStream,
    to: OutputStream,
    target: TcpStream,
    state: State,
    moved: u64,
}

/// The connection broke.
pub struct Broken;

impl Way {
    /// From `from` to `to`, which is the write half of `target`.
    pub fn new(from: InputStream, to: OutputStream, target: TcpStream) -> Self {
        let (readable, writable) = (from.subscribe(), to.subscribe());
        Self { readable, writable, from, to, target, state: State::Reading, moved: 0 }
    }

    /// What it waits for.
    pub fn waits(&self) -> Option<&Pollable> {
        match self.state {
            State::Reading => Some(&self.readable),
            State::Writing | State::Ending => Some(&self.writable),
            State::Done => None,
        }
    }

    /// Whether the source ended and the target was told.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Bytes moved so far.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Moves what can be moved without waiting.
    pub fn go_on(&mut self) -> Result<(), Broken> {
        match self.state {
            State::Reading | State::Writing => self.carry(),
            State::Ending => self.end(),
            State::Done => Ok(()),
        }
    }

    fn carry(&mut self) -> Result<(), Broken> {
        for _ in 0..TURNS {
            match self.to.splice(&self.from, PIECE) {
                Ok(0) => break,
                Ok(moved) => self.moved += moved,
                Err(StreamError::Closed) => {
                    self.state = State::Ending;
                    // A target that closed has nothing to hand on.
                    let _ = self.to.flush();
                    return self.end();
                }
                Err(StreamError::LastOperationFailed(_)) => return Err(Broken),
            }
        }
        self.state = match self.to.check_write() {
            Ok(0) => State::Writing,
            _ => State::Reading,
        };
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        match self.to.check_write() {
            Ok(0) => Ok(()),
            Ok(_) | Err(StreamError::Closed) => {
                // The other direction may go on.
                let _ = self.target.shutdown(ShutdownHow::Send);
                self.state = State::Done;
                Ok(())
            }
            Err(StreamError::LastOperationFailed(_)) => Err(Broken),
        }
    }
}
