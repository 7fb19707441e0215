//! Connections that others open: which SYN gets a connection, which a cookie and which nothing;
//! and which ACK completes a handshake.

use core::net::IpAddr;

use handfast_packet::Instant;
use handfast_packet::tcp::{Ace, FastOpen};
use handfast_tcp::{self as tcp, Connection, Cx, Initial, Path, Segment, Transmit, stateless};

use super::demux::{Endpoint, Flow};
use super::fast_open::Answer;
use super::listener::Admission;
use super::syn_cookie::{self, Bits, COOKIE_LIFE};
use super::{Key, ListenerId, Overflow, Owner, Tcp};
use crate::network::Network;

impl Tcp {
    /// A listener met a SYN. It may cut short the TIME-WAIT of an earlier incarnation.
    pub(super) fn accept_syn(
        &mut self,
        now: Instant,
        network: &Network,
        (listener, flow): (ListenerId, Flow),
        syn: &mut Segment,
    ) {
        // The number of a cookie cannot be chosen beyond those of an earlier incarnation.
        let path = self.path(network, flow.remote.address);
        let mss = syn.options.mss.unwrap_or(path.default_mss);
        let cookie_fits = !self.time_waits.contains(&flow) && syn_cookie::fits(&flow, mss);
        match self.listeners.admit(listener, cookie_fits) {
            Admission::Connection(_) if self.slots.len() >= self.connections_max => {
                self.counters.connections_refused += 1;
            }
            Admission::Connection(config) => {
                let config = *config;
                self.open_half(now, (listener, flow), (config, path), syn);
            }
            Admission::Cookie(config) => {
                let reply = self.syn_cookie(now, &flow, (config, &path), syn);
                self.listeners.note_cookie(listener, now + COOKIE_LIFE);
                self.counters.cookies_sent += 1;
                self.reply(flow, reply);
            }
            Admission::Nothing => self.counters.backlog_overflows += 1,
        }
    }

    /// A SYN becomes a connection in SYN-RECEIVED.
    fn open_half(
        &mut self,
        now: Instant,
        (listener, flow): (ListenerId, Flow),
        (config, path): (tcp::Config, Path),
        syn: &Segment,
    ) {
        let after = self.time_waits.remove(&flow).map(|entry| entry.next_seq());
        let initial = self.secrets.initial(now, &flow, after);
        let answer = self.fast_open_answer(now, (listener, &flow), syn);
        let cx = &mut Cx::new(now, &mut self.pool);
        let mut connection = Connection::accept(cx, config, path, initial, syn);
        let early = answer.is_some_and(|answer| answer.early);
        if let Some(Answer { cookie, early }) = answer {
            connection.answer_fast_open(cx, syn, cookie, early);
        }
        self.seed(now, &flow, &mut connection);
        self.counters.passive_opens += 1;
        if early {
            self.counters.early_opens += 1;
            let key = self.insert(flow, connection, Owner::Waiting(listener));
            self.listeners.add_early(listener, key);
            let slot = self.slots.get_mut(key).expect("inserted just now");
            slot.opening.get_or_insert_default().early = Some(listener);
            return;
        }
        self.listeners.begin(listener);
        let key = self.insert(flow, connection, Owner::Opening(listener));
        let deadline = self.listeners.defer(listener).map(|defer| now + defer);
        if deadline.is_some() {
            let slot = self.slots.get_mut(key).expect("inserted just now");
            slot.opening.get_or_insert_default().deferred_until = deadline;
        }
    }

    /// What Fast Open makes of a SYN; `None` when the listener has no part in it.
    fn fast_open_answer(
        &mut self,
        now: Instant,
        (listener, flow): (ListenerId, &Flow),
        syn: &Segment,
    ) -> Option<Answer> {
        let options = self.listeners.early_room(listener, now)?;
        let said = (syn.options.fast_open, !syn.payload.is_empty());
        Some(self.baker.answer(now, flow, said, options.cookieless))
    }

    /// See [`crate::Stack::fast_open_cookie`].
    pub(crate) fn fast_open_cookie(&self, now: Instant, local: IpAddr, remote: IpAddr) -> FastOpen {
        let end = |address| Endpoint { address, port: 0 };
        let flow = Flow {
            local: end(local),
            remote: end(remote),
        };
        self.baker.cookie(now, &flow)
    }

    /// The SYN-ACK with a cookie. What a cookie does not keep is as if `syn` had never said it.
    fn syn_cookie(
        &self,
        now: Instant,
        flow: &Flow,
        (config, path): (&tcp::Config, &Path),
        syn: &mut Segment,
    ) -> Transmit {
        let mss = syn.options.mss.unwrap_or(path.default_mss);
        let options = syn_cookie::kept(&syn.options, config.timestamps);
        // One bit is kept of ECN, enough for that of RFC 3168.
        let ecn = options.timestamps.is_some() && syn.ace.contains(Ace::CWR_ECE);
        let ace = if ecn { Ace::CWR_ECE } else { Ace::ZERO };
        let bits = Bits::of(&options, ace);
        let mut initial = Initial {
            seq: self.cookies.make(now, flow, (syn.seq, bits), mss),
            timestamp_offset: options
                .timestamps
                .map_or(0, |_| self.secrets.timestamp_offset(flow)),
        };
        let back = bits.set_back(initial.timestamp(now));
        initial.timestamp_offset = initial.timestamp_offset.wrapping_sub(back);
        (syn.options, syn.ace) = (options, ace);
        stateless::syn_ack(now, (config, path), initial, syn)
    }

    /// A listener met an ACK. Returns whether it brought a cookie back, and therefore is no
    /// stranger's.
    pub(super) fn accept_cookie(
        &mut self,
        now: Instant,
        network: &Network,
        (listener, flow): (ListenerId, Flow),
        ack: &Segment,
    ) -> bool {
        if !self.listeners.expects_cookie(listener, now) {
            return false;
        }
        let Some((mut syn, cookie)) = stateless::syns_before(ack) else {
            return false;
        };
        let Some(config) = self.listeners.config(listener) else {
            return false;
        };
        let timestamps = ack.options.timestamps.filter(|_| config.timestamps);
        let bits = timestamps.map_or(Bits::NONE, |stamps| Bits::echoed(stamps.echo));
        let Some(mss) = self.cookies.check(now, &flow, (syn.seq, bits), cookie) else {
            self.counters.cookies_rejected += 1;
            return false;
        };
        if self.slots.len() >= self.connections_max {
            self.counters.connections_refused += 1;
            return true;
        }
        if self.listeners.is_full(listener) {
            self.counters.accept_overflows += 1;
            return self.listeners.overflow(listener) == Overflow::Drop;
        }
        if let Some(timestamps) = timestamps {
            (syn.options, syn.ace) = syn_cookie::restored(timestamps.echo, &ack.options);
        }
        syn.options.mss = Some(mss);
        let path = self.path(network, flow.remote.address);
        let initial = Initial {
            seq: cookie,
            timestamp_offset: self.secrets.timestamp_offset(&flow),
        };
        let cx = &mut Cx::new(now, &mut self.pool);
        self.now = now;
        let connection = Connection::accept_cookie(cx, (config, path), initial, &syn, ack.clone());
        self.counters.cookies_accepted += 1;
        self.counters.passive_opens += 1;
        self.listeners.begin(listener);
        self.insert(flow, connection, Owner::Opening(listener));
        true
    }

    /// Whether a segment that would complete a handshake must not do so now, since its listener
    /// has no room for one more, or waits for text.
    pub(super) fn is_held_back(&mut self, now: Instant, key: Key, segment: &Segment) -> bool {
        let Some(slot) = self.slots.get_mut(key) else {
            return false;
        };
        let Owner::Opening(listener) = slot.owner else {
            return false;
        };
        if !slot.connection.is_opened_by(segment) {
            return false;
        }
        let deferred = slot.opening.as_ref().and_then(|it| it.deferred_until);
        if let Some(until) = deferred.filter(|&until| now < until)
            && segment.is_empty()
        {
            slot.connection.hold_syn_ack(until);
            self.refile(key);
            return true;
        }
        if !self.listeners.is_full(listener) {
            return false;
        }
        self.counters.accept_overflows += 1;
        if self.listeners.overflow(listener) == Overflow::Reset {
            self.with(now, key, Connection::abort);
        }
        true
    }

    /// Hands out the oldest connection that a listener has opened. It may be over already, when
    /// the peer did not wait; reading tells how.
    pub(crate) fn accept(&mut self, id: ListenerId) -> Option<super::TcpId> {
        let key = self.listeners.accept(id)?;
        let slot = self
            .slots
            .get_mut(key)
            .expect("connections that wait to be accepted stay");
        slot.owner = Owner::Application;
        slot.file_event(key.index, &mut self.tellers);
        Some(super::TcpId(key))
    }

    /// How many connections of a listener wait to be accepted.
    pub(crate) fn acceptable(&self, id: ListenerId) -> usize {
        self.listeners.waiting(id)
    }

    /// Ends a listener. Connections that nobody accepted are reset, those that are still opening
    /// are forgotten; accepted ones live on.
    pub(crate) fn close_listener(&mut self, now: Instant, id: ListenerId) {
        if !self.listeners.remove(id) {
            return;
        }
        for key in self.keys_where(|slot| slot.owner == Owner::Opening(id)) {
            self.let_go(now, key, |connection, _| connection.forget());
        }
        for key in self.keys_where(|slot| slot.owner == Owner::Waiting(id)) {
            self.let_go(now, key, Connection::abort);
        }
    }
}
