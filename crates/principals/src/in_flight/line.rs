//! Who waits for a place, capsule after capsule.

use std::collections::VecDeque;
use std::task::Waker;

use astrid_host_context::CapsuleId;

/// Capsules with waiting calls, the next to be served first.
#[derive(Debug, Default)]
pub(super) struct Line {
    capsules: VecDeque<(CapsuleId, VecDeque<Waiting>)>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    waker: Waker,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.capsules.is_empty()
    }

    pub(super) fn join(&mut self, capsule: &CapsuleId, waker: &Waker) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let waiting = Waiting { ticket, waker: waker.clone() };
        match self.of(capsule) {
            Some(line) => line.push_back(waiting),
            None => self.capsules.push_back((capsule.clone(), VecDeque::from([waiting]))),
        }
        ticket
    }

    /// Whether the ticket still waits; it is woken through `waker` from now on.
    pub(super) fn renew(&mut self, capsule: &CapsuleId, ticket: u64, waker: &Waker) -> bool {
        let waiting = self.of(capsule).and_then(|line| line.iter_mut().find(|w| w.ticket == ticket));
        waiting.map(|waiting| waiting.waker.clone_from(waker)).is_some()
    }

    /// Takes a ticket out of the line; whether it was there.
    pub(super) fn quit(&mut self, capsule: &CapsuleId, ticket: u64) -> bool {
        let Some(line) = self.of(capsule) else { return false };
        let before = line.len();
        line.retain(|waiting| waiting.ticket != ticket);
        let found = line.len() < before;
        self.capsules.retain(|(_, line)| !line.is_empty());
        found
    }

    /// Takes out whose turn it is; the rest of its capsule goes to the end.
    pub(super) fn next(&mut self) -> Option<Waker> {
        let (capsule, mut line) = self.capsules.pop_front()?;
        let first = line.pop_front();
        if !line.is_empty() {
            self.capsules.push_back((capsule, line));
        }
        first.map(|waiting| waiting.waker)
    }

    fn of(&mut self, capsule: &CapsuleId) -> Option<&mut VecDeque<Waiting>> {
        self.capsules.iter_mut().find(|(of, _)| of == capsule).map(|(_, line)| line)
    }
}
