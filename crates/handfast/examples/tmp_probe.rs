//! tmp
#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use handfast::tokio::Net;
use handfast_device::Record;
use handfast_packet::record::*;
struct P(&'static str);
impl Recorder for P { fn record(&mut self, f: &FrameRecord<'_>) { println!("{} {} {:?} {} {}", f.at, self.0, f.direction, handfast_packet::pretty::frame(f.bytes, handfast_packet::buf::Medium::Ethernet), f.cause); } }
#[tokio::main(flavor="current_thread")]
async fn main() {
    let (a,b)=devices();
    let client = Net::start(Record::new(a, Box::new(P("client"))), config(1)).unwrap();
    let peer = Net::start(b, config(2)).unwrap();
    client.host().add_address(address(1)).unwrap();
    peer.host().add_address(address(2)).unwrap();
    println!("{} connect", client.host().now());
    let e = client.connect(server()).await.unwrap_err();
    println!("{} {e} count {}", client.host().now(), client.host().tcp_count());
    client.shutdown().await;
    println!("{} down", client.host().now());
}
