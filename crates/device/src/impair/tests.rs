//! Tests of the device wrapper: both directions over a memory pair in virtual time.

use handfast_packet::buf::{Medium, RxChecksum};
use handfast_packet::record::FrameRecord;

use super::*;
use crate::layout::TcpLayout;
use crate::memory::{MemoryDevice, memory_pair_polled};
use crate::testing::{TcpFrame, batch, capable, receive_all, tcp_checksum_holds};

fn pair(spec: &str) -> (Impair<MemoryDevice>, MemoryDevice) {
    let (left, right) = memory_pair_polled(capable(), [EthernetAddress::ZERO; 2]);
    (
        Impair::new(left, spec.parse().expect("a good text"), 1),
        right,
    )
}

#[test]
fn super_frames_are_cut_before_segments_are_dropped_in_both_directions() {
    let (mut left, mut right) = pair("drop=2,delay=5ms");
    let frame = TcpFrame::gso(4_000, 1_000).tx();
    assert_eq!(
        left.send(Instant::ZERO, &mut batch(frame.clone())).unwrap(),
        1
    );
    right.send(Instant::ZERO, &mut batch(frame)).unwrap();
    assert!(receive_all(&mut left, Instant::ZERO).is_empty());
    assert!(receive_all(&mut right, Instant::ZERO).is_empty());
    let now = Instant::from_millis(5);
    assert_eq!(left.next_ready(), Some(now));
    let inbound = receive_all(&mut left, now);
    let outbound = receive_all(&mut right, now);
    assert_eq!(
        (inbound.len(), outbound.len(), left.next_ready()),
        (3, 3, None)
    );
    assert!(
        inbound
            .iter()
            .all(|frame| frame.gso.is_none() && frame.received_at == now)
    );
    assert!(
        inbound
            .iter()
            .all(|frame| tcp_checksum_holds(&frame.data, Medium::Ethernet))
    );
    assert!(
        outbound
            .iter()
            .all(|frame| frame.checksum == RxChecksum::Partial)
    );
    let statistics = left.statistics();
    assert_eq!(statistics.inbound, statistics.outbound);
    assert_eq!(
        (statistics.inbound.chosen, statistics.inbound.delivered),
        (1, 3)
    );
}

/// What was lost: which way, and how long it was.
#[derive(Clone, Default)]
struct Lost(Arc<Mutex<Vec<(Direction, usize)>>>);

impl Recorder for Lost {
    fn record(&mut self, _: &FrameRecord<'_>) {
        panic!("what passes is not for those who ask for losses");
    }

    fn record_loss(&mut self, loss: &LossRecord<'_>) {
        assert!(TcpLayout::parse(loss.bytes, Medium::Ethernet).is_some());
        self.0.lock().unwrap().push((loss.direction, loss.wire_len));
    }
}

#[test]
fn who_asks_is_told_of_each_segment_that_is_lost() {
    let (mut left, mut right) = pair("in.drop=2,out.drop=1,out.mtu=1000@1s");
    let lost = Lost::default();
    left.tell_losses(Box::new(lost.clone()));
    let (one, two) = (
        TcpFrame::gso(2_000, 1_000).tx(),
        TcpFrame::gso(3_000, 900).tx(),
    );
    let head = TcpFrame::gso(0, 1_000).tx().len();
    right.send(Instant::ZERO, &mut batch(one)).unwrap();
    receive_all(&mut left, Instant::ZERO);
    left.send(Instant::ZERO, &mut batch(two)).unwrap();
    let late = TcpFrame::gso(1_200, 1_200).tx();
    left.send(Instant::from_secs(1), &mut batch(late)).unwrap();
    let told = lost.0.lock().unwrap().clone();
    let expected = [
        (Direction::In, 1_000),
        (Direction::Out, 900),
        (Direction::Out, 1_200),
    ];
    assert_eq!(
        told,
        expected.map(|(direction, text)| (direction, head + text))
    );
    let statistics = left.statistics();
    assert_eq!(
        (statistics.inbound.chosen, statistics.outbound.chosen),
        (1, 1)
    );
    assert_eq!(statistics.outbound.too_big, 1);
}

#[test]
fn directions_are_impaired_by_themselves() {
    let (mut left, mut right) = pair("in.loss=100%");
    left.send(Instant::ZERO, &mut batch(TcpFrame::default().tx()))
        .unwrap();
    right
        .send(Instant::ZERO, &mut batch(TcpFrame::default().tx()))
        .unwrap();
    assert_eq!(receive_all(&mut right, Instant::ZERO).len(), 1);
    assert!(receive_all(&mut left, Instant::ZERO).is_empty());
}

#[test]
fn a_watch_shows_the_figures_after_each_call() {
    let (mut left, mut right) = pair("loss=100%");
    let watch = left.watch();
    assert_eq!(watch.statistics(), left.statistics());
    for count in 1..3 {
        left.send(Instant::ZERO, &mut batch(TcpFrame::default().tx()))
            .unwrap();
        right
            .send(Instant::ZERO, &mut batch(TcpFrame::default().tx()))
            .unwrap();
        assert!(receive_all(&mut left, Instant::ZERO).is_empty());
        let shown = watch.statistics();
        assert_eq!((shown.outbound.lost, shown.inbound.lost), (count, count));
        assert_eq!(left.watch().statistics(), shown);
    }
}

#[test]
fn a_late_caller_learns_when_frames_really_arrived() {
    let (mut left, mut right) = pair("delay=1ms");
    right
        .send(Instant::ZERO, &mut batch(TcpFrame::default().tx()))
        .unwrap();
    assert!(receive_all(&mut left, Instant::from_millis(1)).is_empty());
    let frames = receive_all(&mut left, Instant::from_millis(9));
    assert_eq!(frames[0].received_at, Instant::from_millis(2));
}

#[test]
fn more_than_a_batch_waits_without_loss() {
    let (mut left, mut right) = pair("delay=1ms");
    for _ in 0..5 {
        right
            .send(Instant::ZERO, &mut batch(TcpFrame::gso(60_000, 1_000).tx()))
            .unwrap();
        left.send(Instant::ZERO, &mut batch(TcpFrame::gso(60_000, 1_000).tx()))
            .unwrap();
    }
    assert_eq!(receive_all(&mut left, Instant::ZERO).len(), 0);
    let now = Instant::from_millis(1);
    let mut first = RxBatch::new();
    assert_eq!(
        left.recv(now, &mut first).unwrap(),
        handfast_packet::buf::BATCH_MAX
    );
    assert_eq!(left.next_ready(), Some(now));
    assert_eq!(receive_all(&mut left, now).len(), 300 - first.len());
    assert_eq!(receive_all(&mut right, now).len(), 300);
}

/// The answer to what we send reaches us, that to what comes reaches the other end, each by the
/// other direction.
#[test]
fn packets_that_are_too_large_are_answered_by_the_other_direction() {
    let (mut left, mut right) = pair("mtu=700:icmp,in.delay=3ms,out.delay=5ms");
    let frame = TcpFrame::gso(1_300, 1_000).tx();
    left.send(Instant::ZERO, &mut batch(frame.clone())).unwrap();
    let answers = receive_all(&mut left, Instant::from_millis(3));
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].received_at, Instant::from_millis(3));
    assert_eq!(answers[0].data[14 + 20..][..2], [3, 4]);
    let now = Instant::from_millis(10);
    assert_eq!(receive_all(&mut right, now).len(), 0);
    left.recv(now, &mut RxBatch::new()).unwrap();
    assert_eq!(receive_all(&mut right, now).len(), 1);
    right.send(now, &mut batch(frame)).unwrap();
    assert!(receive_all(&mut left, now).is_empty());
    assert_eq!(receive_all(&mut left, Instant::from_millis(13)).len(), 1);
    assert_eq!(left.next_ready(), Some(Instant::from_millis(15)));
    left.recv(Instant::from_millis(15), &mut RxBatch::new())
        .unwrap();
    let answers = receive_all(&mut right, Instant::from_millis(15));
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].data[14 + 20..][..2], [3, 4]);
    let statistics = left.statistics();
    for link in [statistics.inbound, statistics.outbound] {
        // Two halves and an answer.
        assert_eq!((link.segments, link.too_big, link.answered), (3, 1, 1));
    }
}

/// A device that answers at once what it is sent, as a kernel does.
struct Echo([MemoryDevice; 2]);

impl Device for Echo {
    fn capabilities(&self) -> Capabilities {
        self.0[0].capabilities()
    }

    fn hardware_address(&self) -> EthernetAddress {
        self.0[0].hardware_address()
    }

    fn recv(&mut self, now: Instant, batch: &mut RxBatch) -> io::Result<usize> {
        self.0[0].recv(now, batch)
    }

    fn send(&mut self, now: Instant, batch: &mut TxBatch) -> io::Result<usize> {
        let [near, far] = &mut self.0;
        let count = near.send(now, batch)?;
        let (mut heard, mut answers) = (RxBatch::new(), TxBatch::new());
        far.recv(now, &mut heard)?;
        while let Some(frame) = heard.pop() {
            answers.push(TxFrame::raw(frame.data, Cause::Unstated));
        }
        far.send(now, &mut answers)?;
        Ok(count)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// What a call hands to the device below is answered behind the time of that call, so the answer is
/// not dated by it: a round trip is never shorter than the link is long.
#[test]
fn an_answer_is_not_older_than_the_call_that_fetches_it() {
    let (near, far) = memory_pair_polled(capable(), [EthernetAddress::ZERO; 2]);
    let spec = "delay=10ms".parse().expect("a good text");
    let mut link = Impair::new(Echo([near, far]), spec, 1);
    let at = Instant::from_millis;
    link.send(at(0), &mut batch(TcpFrame::default().tx()))
        .unwrap();
    assert!(receive_all(&mut link, at(10)).is_empty());
    assert_eq!(link.next_ready(), None, "it is with the device");
    assert!(receive_all(&mut link, at(13)).is_empty());
    assert_eq!(link.next_ready(), Some(at(23)));
    assert_eq!(receive_all(&mut link, at(23)).len(), 1);
}
