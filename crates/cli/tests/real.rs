//! `handfast get` as on a real network: interface and gateway from the kernel's routes, an address
//! that is claimed, a name by the host's resolver. The network is the lab's, and the command runs
//! as a process in its namespace `home`, so nothing leaves this machine.
//!
//! Without the standard harness: a process may enter a user namespace only while it has one
//! thread.

#[expect(dead_code, reason = "the other test binaries use more of it")]
mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use common::{Run, command};
use handfast_lab::kernel_client::run_command;
use handfast_lab::{Lab, LabOptions, Namespace, ROUTER_HOME_INTERFACE, RawSocket};
use handfast_packet::build::{Arp, Ethernet};

/// A named test on a running lab.
type Case = (&'static str, fn(&Lab));

fn main() -> ExitCode {
    let lab = match handfast_lab::enter().and_then(|()| Lab::start(LabOptions::default())) {
        Ok(lab) => lab,
        Err(error) => {
            println!("{error}");
            if error.is_not_permitted() && !in_ci() {
                println!("skipped: this system does not allow the namespaces of these tests");
                return ExitCode::SUCCESS;
            }
            return ExitCode::FAILURE;
        }
    };
    let tests: [Case; 9] = [
        ("an_address_of_our_own_choice", an_address_of_our_own_choice),
        ("a_free_address_is_found", a_free_address_is_found),
        ("an_address_in_use_is_refused", an_address_in_use_is_refused),
        ("ipv6_goes_the_same_way", ipv6_goes_the_same_way),
        ("what_is_wrong_is_said", what_is_wrong_is_said),
        ("ctrl_c_ends_in_good_order", ctrl_c_ends_in_good_order),
        (
            "who_loses_the_address_says_so",
            who_loses_the_address_says_so,
        ),
        (
            "a_machine_without_a_network_says_so",
            a_machine_without_a_network_says_so,
        ),
        // Last, since it takes the right to make namespaces away.
        (
            "without_namespaces_there_is_a_way_out",
            without_namespaces_there_is_a_way_out,
        ),
    ];
    for (name, test) in tests {
        test(&lab);
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// Where a skip is a failure.
fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

fn handfast(lab: &Lab, line: &str) -> Run {
    let output = run_command(lab.home(), &mut command(line));
    Run::of(output.expect("the command can be started"))
}

fn an_address_of_our_own_choice(lab: &Lab) {
    let run = handfast(lab, "get http://203.0.113.29/ --ip 192.168.0.130/24");
    run.expect(0, "claiming 192.168.0.130/24 on eth0");
    assert!(run.text().contains("<h1>It works!</h1>"), "{}", run.text());
}

fn a_free_address_is_found(lab: &Lab) {
    let run = handfast(
        lab,
        "get http://203.0.113.29/bytes/5000 --ip auto --dev eth0 --json --verify",
    );
    let json = run.json();
    assert_eq!((run.code, &json["bytes"]), (0, &5_000.into()), "{json}");
    let address = json["address"].as_str().expect("an address was claimed");
    assert!(address.starts_with("192.168.0."), "{address}");
    assert!(
        !["192.168.0.1", "192.168.0.11"].contains(&address),
        "{address}"
    );
}

fn an_address_in_use_is_refused(lab: &Lab) {
    let line = "get http://203.0.113.29/ --ip";
    handfast(lab, &format!("{line} 192.168.0.11/24")).expect(7, "this machine's own kernel");
    handfast(lab, &format!("{line} 192.168.0.1/24")).expect(7, "cannot claim 192.168.0.1/24");
}

fn ipv6_goes_the_same_way(lab: &Lab) {
    if lab.has_ipv6() {
        let run = handfast(lab, "get http://[2001:db8:b::29]/ --ip auto");
        run.expect(0, "claiming fd00:a:");
    }
}

fn what_is_wrong_is_said(lab: &Lab) {
    for (line, code, words) in [
        ("get http://203.0.113.29/", 2, "--ip auto claims a free one"),
        (
            "get http://203.0.113.29/ --ip fd00:a::5/64",
            2,
            "different families",
        ),
        (
            "get http://203.0.113.29/ --ip auto --dev eth7",
            7,
            "there is no interface eth7",
        ),
        (
            "get http://192.168.0.11/ --ip auto",
            7,
            "an address of this machine itself",
        ),
        (
            "get http://no-such-name.invalid/ --ip auto",
            6,
            "cannot resolve no-such-name.invalid",
        ),
        (
            "get http://203.0.113.29:81/ --ip 192.168.0.131/24",
            7,
            "nobody listens there",
        ),
    ] {
        handfast(lab, line).expect(code, words);
    }
}

fn ctrl_c_ends_in_good_order(lab: &Lab) {
    for shards in ["", "--shards 2 --parallel 4"] {
        let line = format!("--ip 192.168.0.132/24 {shards}");
        let (code, heard) = in_silence(lab, &line, |child| {
            let id = rustix::process::Pid::from_child(child);
            rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
        });
        assert_eq!(code, Some(130), "{heard}");
        assert!(
            heard.contains("interrupted; the claimed address is released"),
            "{heard}"
        );
        // The connections were closed: the server has nobody left to be silent to.
        let limit = Duration::from_secs(5);
        let count = lab.server().totals().connections;
        assert!(
            lab.server().wait_for_end(count, limit).is_some(),
            "the server still waits"
        );
    }
}

/// It is defended once, then we give way.
fn who_loses_the_address_says_so(lab: &Lab) {
    let address = Ipv4Addr::new(192, 168, 0, 133);
    let open = || RawSocket::open(ROUTER_HOME_INTERFACE, None);
    let rival = lab.router().run(open).expect("root here may open one");
    let hardware = rival.hardware_address();
    let claim = Ethernet::broadcast(hardware) / Arp::announcement(hardware, address);
    let claim = claim.to_vec();
    for shards in ["", "--shards 2 --parallel 4"] {
        let line = format!("--ip {address}/24 {shards}");
        let (code, heard) = in_silence(lab, &line, |_| {
            for _ in 0..2 {
                rival.send(&claim).expect("the link is up");
            }
        });
        assert_eq!(code, Some(56), "{heard}");
        assert!(heard.contains("lost the address 192.168.0.133"), "{heard}");
    }
}

/// Fetches what never comes; `act` has all the time to do something about it. The exit code, and
/// what was said.
fn in_silence(lab: &Lab, line: &str, act: impl FnOnce(&Child)) -> (Option<i32>, String) {
    let mut command = command(&format!("get http://203.0.113.29/silent -v {line}"));
    command.stderr(Stdio::piped()).stdout(Stdio::piped());
    let spawn = || command.spawn().expect("the command can be started");
    let mut child = lab.home().run(spawn);
    let mut talk = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut heard = String::new();
    // The request is out.
    while !heard.contains("> accept") {
        let count = talk.read_line(&mut heard).expect("the pipe can be read");
        assert!(count > 0, "ended early:\n{heard}");
    }
    act(&child);
    talk.read_to_string(&mut heard)
        .expect("the pipe can be read");
    let status = child.wait().expect("it ends");
    (status.code(), heard)
}

fn a_machine_without_a_network_says_so(_: &Lab) {
    let island = Namespace::create("island").expect("this process may make namespaces");
    for (line, words) in [
        (
            "get http://203.0.113.29/ --ip auto",
            "this machine has no route to 203.0.113.29",
        ),
        (
            "get http://203.0.113.29/ --ip auto --dev lo",
            "the interface lo is down",
        ),
    ] {
        let output = run_command(&island, &mut command(line));
        Run::of(output.expect("the command can be started")).expect(7, words);
    }
}

/// The limit counts for the user namespace of this test alone.
fn without_namespaces_there_is_a_way_out(lab: &Lab) {
    let map = std::fs::read_to_string("/proc/self/uid_map").expect("there is a map");
    if map.split_whitespace().nth(2) == Some("4294967295") {
        println!("skipped: this test is in the machine's own user namespace, whose limits stay");
        assert!(
            !in_ci(),
            "CI can make user namespaces, so nothing is skipped there"
        );
        return;
    }
    for limit in ["max_user_namespaces", "max_net_namespaces"] {
        std::fs::write(format!("/proc/sys/user/{limit}"), "0").expect("root here may lower it");
    }
    let run = handfast(lab, "get");
    run.expect(1, "user.max_user_namespaces");
    run.expect(1, "--lab memory");
    handfast(lab, "lab page").expect(1, "--lab memory");
    handfast(lab, "get --lab memory").expect(0, "no kernel took part");
}
