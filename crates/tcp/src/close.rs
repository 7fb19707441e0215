//! The close states as a product: what each side has done, and who went first.

use crate::event::State;

/// Our direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    /// The application may still write.
    Open,
    /// The application shut down: a FIN stands behind its last byte, sent or not.
    Shut,
    /// The peer has acknowledged our FIN.
    Acknowledged,
}

/// The two half-closes of a synchronised connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Close {
    local: Local,
    /// The peer's FIN was taken in order.
    remote: bool,
    /// The peer's FIN came before our application shut down.
    passive: bool,
}

impl Close {
    pub(crate) const OPEN: Self = Self {
        local: Local::Open,
        remote: false,
        passive: false,
    };

    /// The application has nothing more to send.
    pub(crate) fn shut_local(&mut self) {
        if self.local == Local::Open {
            self.local = Local::Shut;
        }
    }

    /// The peer acknowledged our FIN.
    pub(crate) fn acknowledge_local(&mut self) {
        assert_ne!(
            self.local,
            Local::Open,
            "only a FIN that exists can be acknowledged"
        );
        self.local = Local::Acknowledged;
    }

    /// The peer's FIN was taken in order.
    pub(crate) fn shut_remote(&mut self) {
        if !self.remote {
            self.remote = true;
            self.passive = self.local == Local::Open;
        }
    }

    /// Whether our application has shut down.
    pub(crate) fn is_local_shut(self) -> bool {
        self.local != Local::Open
    }

    /// Whether the peer has acknowledged our FIN.
    pub(crate) fn is_local_acknowledged(self) -> bool {
        self.local == Local::Acknowledged
    }

    /// Whether both directions are done and the RFC's TIME-WAIT or CLOSED follows.
    pub(crate) fn is_complete(self) -> bool {
        self.remote && self.local == Local::Acknowledged
    }

    /// The RFC's name for this pair (RFC 9293 3.3.2).
    pub(crate) fn name(self) -> State {
        match (self.local, self.remote, self.passive) {
            (Local::Open, false, _) => State::Established,
            (Local::Open, true, _) => State::CloseWait,
            (Local::Shut, false, _) => State::FinWait1,
            (Local::Acknowledged, false, _) => State::FinWait2,
            (Local::Shut, true, true) => State::LastAck,
            (Local::Shut, true, false) => State::Closing,
            (Local::Acknowledged, true, true) => State::Closed,
            (Local::Acknowledged, true, false) => State::TimeWait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9293 figure 5, below ESTABLISHED: steps, then the state they lead to.
    #[test]
    fn every_path_has_the_name_of_figure_5() {
        let rows: [(&str, State); 10] = [
            ("", State::Established),
            ("c", State::FinWait1),
            ("f", State::CloseWait),
            ("ca", State::FinWait2),
            ("cf", State::Closing),
            ("fc", State::LastAck),
            ("caf", State::TimeWait),
            ("cfa", State::TimeWait),
            ("fca", State::Closed),
            ("ffcc", State::LastAck),
        ];
        for (steps, state) in rows {
            let mut close = Close::OPEN;
            for step in steps.chars() {
                match step {
                    'c' => close.shut_local(),
                    'f' => close.shut_remote(),
                    _ => close.acknowledge_local(),
                }
            }
            assert_eq!(close.name(), state, "after {steps:?}");
            assert_eq!(close.is_complete(), steps.len() == 3, "after {steps:?}");
        }
    }
}
