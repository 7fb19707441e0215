//! scratch
use handfast_lab::*;
use std::time::Duration;
fn main() {
    enter().unwrap();
    let a: Vec<String> = std::env::args().collect();
    let patience = a[1].parse::<f64>().unwrap();
    let sb: usize = a[2].parse().unwrap();
    let server = ServerOptions { patience: (patience > 0.0).then(|| Duration::from_secs_f64(patience)), send_buffer: (sb > 0).then_some(sb), ..Default::default() };
    let lab = Lab::start(LabOptions { super_segments: false, server, ..Default::default() }).unwrap();
    let mut c = std::process::Command::new("python3");
    c.arg("/tmp/proto/crip.py").args(&a[3..]);
    let o = kernel_client::run_command(lab.home(), &mut c).unwrap();
    print!("{}{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr));
    let r = lab.server().wait_for_end(1, Duration::from_secs(40));
    if let Some(r) = r { println!("  end={:?} retrans={} rto={:?} rtt={:?} written={} acked={}", r.end, r.info.retransmissions, r.info.rto, r.info.rtt, r.bytes_written, r.info.bytes_acknowledged); } else { println!("no report"); }
    println!("  OutRsts={} RetransSegs={} Timeouts={}", Counters::of(lab.web()).unwrap().get("Tcp.OutRsts"), Counters::of(lab.web()).unwrap().get("Tcp.RetransSegs"), Counters::of(lab.web()).unwrap().get("TcpExt.TCPTimeouts"));
}
