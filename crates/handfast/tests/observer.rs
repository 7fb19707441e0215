//! Who observes a host is told of everything, in order, to the last.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

use common::{address, config, devices, server};
use handfast::tcp::{CloseReason, Entry, Fact};
use handfast::{Config, Connect, Driver, Host, Listen, ManualClock, Observer};
use handfast_device::{Device, MemoryDevice};

/// What was told so far.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<(Vec<Entry>, u64)>>);

impl Observer for Heard {
    fn observe(&mut self, facts: &[Entry], lost: u64) {
        assert!(!facts.is_empty(), "nothing to tell");
        let mut heard = self.0.lock().unwrap();
        heard.0.extend_from_slice(facts);
        heard.1 += lost;
    }
}

impl Heard {
    fn facts(&self) -> Vec<Fact> {
        let heard = self.0.lock().unwrap();
        heard.0.iter().map(|entry| entry.fact).collect()
    }

    fn lost(&self) -> u64 {
        self.0.lock().unwrap().1
    }
}

fn host(device: MemoryDevice, last: u8, journal: usize) -> (Host, Driver<MemoryDevice>) {
    let config = Config {
        hardware: device.hardware_address(),
        journal,
        ..config(last.into())
    };
    let clock = ManualClock::new();
    let host = Host::new(config, device.capabilities(), clock.clock());
    host.add_address(address(last)).unwrap();
    let driver = Driver::new(&host, device);
    (host, driver)
}

#[test]
fn a_host_without_a_journal_says_what_to_do() {
    let (host, _driver) = host(devices().0, 1, 0);
    let error = host.observe(Box::new(Heard::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("Config::journal"), "{error}");
}

#[test]
fn what_happened_before_is_told_and_what_found_no_room_is_counted() {
    let (near, far) = devices();
    let (client, mut driver) = host(near, 1, 4);
    let (other, mut others) = host(far, 2, 0);
    let _listener = other.listen(server(), Listen::default()).unwrap();
    let _stream = client.connect(server(), Connect::default()).unwrap();
    let now = client.now();
    for _ in 0..10 {
        driver.turn(now).unwrap();
        others.turn(now).unwrap();
    }
    let heard = Heard::default();
    client.observe(Box::new(heard.clone())).unwrap();
    driver.turn(now).unwrap();
    // What had gone before anybody observed is not told as a loss.
    assert_eq!((heard.facts().len(), heard.lost()), (4, 0));
    for _ in 0..3 {
        drop(client.connect(server(), Connect::default()).unwrap());
    }
    driver.turn(now).unwrap();
    assert_eq!(heard.facts().len(), 8);
    assert!(heard.lost() > 0);
}

#[test]
fn what_the_journal_holds_when_the_driver_goes_is_told() {
    let (near, _far) = devices();
    let (client, mut driver) = host(near, 1, 64);
    let heard = Heard::default();
    client.observe(Box::new(heard.clone())).unwrap();
    let stream = client.connect(server(), Connect::default()).unwrap();
    let now = client.now();
    driver.turn(now).unwrap();
    assert!(matches!(heard.facts()[0], Fact::Opened(_)));
    let before = heard.facts().len();
    stream.abort();
    assert_eq!(heard.facts().len(), before, "no turn yet");
    drop(driver);
    let last = heard.facts().pop();
    assert_eq!(last, Some(Fact::Closed(CloseReason::Aborted)));
}
