//! Fixed names for machines: files and fields call a variant by them, and they never change once
//! published. What is shown to people is `Display`'s, and may.

use crate::cause::{Cause, Proof};

/// Gives a type with these variants a `name` for each, and a list of all names.
///
/// One table for both, so that a new variant neither compiles without a name nor is missing in the
/// list. For enums of the crate in which it stands.
#[macro_export]
macro_rules! names {
    ($kind:ty { $($variant:pat => $name:literal,)* }) => {
        impl $kind {
            /// Every name that [`Self::name`] gives.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Its fixed name, in snake case, for files and fields.
            pub const fn name(self) -> &'static str {
                match self {
                    $($variant => $name,)*
                }
            }
        }
    };
}

names!(Proof {
    Self::Timeout => "timeout",
    Self::DuplicateAcks => "duplicate_acks",
    Self::PartialAck => "partial_ack",
    Self::ManyHoles => "many_holes",
    Self::SackCount => "sack_count",
    Self::Lateness => "lateness",
    Self::LateDuplicate => "late_duplicate",
    Self::Refused => "refused",
});

names!(Cause {
    Self::Unstated => "unstated",
    Self::Open => "open",
    Self::Accept => "accept",
    Self::SynCookie => "syn_cookie",
    Self::HandshakeAck => "handshake_ack",
    Self::NewData => "new_data",
    Self::Close => "close",
    Self::Ack => "ack",
    Self::DelayedAck => "delayed_ack",
    Self::CongestionEcho => "congestion_echo",
    Self::DuplicateAck => "duplicate_ack",
    Self::DuplicateData => "duplicate_data",
    Self::WindowUpdate => "window_update",
    Self::ChallengeAck => "challenge_ack",
    Self::FastRetransmit(_) => "fast_retransmit",
    Self::LossProbe => "loss_probe",
    Self::TimeoutRetransmit(_) => "timeout_retransmit",
    Self::Resend => "resend",
    Self::WindowProbe(_) => "window_probe",
    Self::KeepAlive => "keep_alive",
    Self::Abort => "abort",
    Self::NoConnection => "no_connection",
    Self::ProtocolError => "protocol_error",
    Self::DataAfterClose => "data_after_close",
    Self::TimeWaitAck => "time_wait_ack",
    Self::Resolve => "resolve",
    Self::ResolveReply => "resolve_reply",
    Self::AddressProbe => "address_probe",
    Self::AddressAnnounce => "address_announce",
    Self::AddressDefend => "address_defend",
    Self::RouterSolicit => "router_solicit",
    Self::EchoReply => "echo_reply",
    Self::IcmpError => "icmp_error",
    Self::IcmpMessage => "icmp_message",
    Self::GroupReport => "group_report",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snake_case_and_differ() {
        for names in [Cause::NAMES, Proof::NAMES] {
            for (index, name) in names.iter().enumerate() {
                assert!(name.bytes().all(|c| c == b'_' || c.is_ascii_lowercase()));
                assert!(!names[..index].contains(name), "{name} stands for two");
            }
        }
    }
}
