//! The set of events that wait for the application: one bit each, so it cannot grow.

use crate::event::Event;

/// All events in the order in which they are told.
const ORDER: [Event; 7] = [
    Event::Connected,
    Event::Urgent,
    Event::Readable,
    Event::Writable,
    Event::SoftError,
    Event::TimeWait,
    Event::Closed,
];

/// A set of events.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventSet(u8);

impl EventSet {
    pub(crate) fn add(&mut self, event: Event) {
        self.0 |= 1 << event as u8;
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = ORDER
            .into_iter()
            .find(|&event| self.0 & (1 << event as u8) != 0)?;
        self.0 &= !(1 << event as u8);
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_told_once_and_in_order() {
        let mut set = EventSet::default();
        for event in ORDER.into_iter().rev().chain(ORDER) {
            set.add(event);
        }
        for event in ORDER {
            assert_eq!(set.pop(), Some(event));
        }
        assert_eq!(set.pop(), None);
    }
}
