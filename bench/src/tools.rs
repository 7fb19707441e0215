//! What the programs of others say about their own work. They are started in `benches/suite`.

use std::time::Duration;

use serde_json::Value;

use crate::measure::Tally;

/// Requests, from the text of `wrk`.
///
/// # Errors
/// With its words when a connection failed or an answer was not right, and when there is no rate.
pub fn wrk(said: &str) -> Result<Tally, String> {
    let behind = |mark: &str| said.lines().find_map(|line| line.trim().strip_prefix(mark));
    // It has these lines only where there is something to say.
    for trouble in ["Socket errors:", "Non-2xx or 3xx responses:"] {
        if let Some(counts) = behind(trouble) {
            return Err(format!("wrk: {trouble}{counts}"));
        }
    }
    let count = said
        .lines()
        .find_map(|line| line.split_once(" requests in "));
    let count = count.and_then(|(count, _)| count.trim().parse().ok());
    // The time beside the count has two digits behind the point; the rate is of the exact one.
    let rate = behind("Requests/sec:").and_then(|rate| rate.trim().parse().ok());
    tally(count, rate).ok_or_else(|| format!("wrk: no requests in {said}"))
}

fn tally(count: Option<f64>, rate: Option<f64>) -> Option<Tally> {
    let work = count.filter(|&count| count > 0.0)?;
    let wall = Duration::try_from_secs_f64(work / rate?).ok()?;
    Some(Tally { work, wall })
}

/// Bytes as the receiver counted them, from what a client of `iperf3` says with `--json`.
///
/// # Errors
/// With its words when it failed, and when the receiver's figures are missing.
pub fn iperf3(said: &str) -> Result<Tally, String> {
    let report: Value = serde_json::from_str(said).map_err(|error| format!("iperf3: {error}"))?;
    // It ends well all the same.
    if let Some(error) = report["error"].as_str() {
        return Err(format!("iperf3: {error}"));
    }
    let received = &report["end"]["sum_received"];
    let [bytes, bits_per_second] = ["bytes", "bits_per_second"].map(|name| received[name].as_f64());
    tally(bytes, bits_per_second.map(|rate| rate / 8.0))
        .ok_or_else(|| format!("iperf3: nothing was received: {received}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRK: &str = "\
Running 3s test @ http://10.77.1.3/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.24ms  301.33us   9.02ms   91.21%
    Req/Sec    25.30k     1.02k   26.90k    80.65%
  78012 requests in 3.10s, 9.37MB read
Requests/sec:  25200.00
Transfer/sec:      3.02MB
";

    #[test]
    fn requests_of_wrk() {
        let told = wrk(WRK).expect("all is well");
        assert_eq!(told.work, 78_012.0);
        assert_eq!((told.work / told.wall.as_secs_f64()).round(), 25_200.0);
    }

    #[test]
    fn troubles_of_wrk_are_told_in_its_words() {
        for trouble in [
            "Socket errors: connect 0, read 12, write 0, timeout 0",
            "Non-2xx or 3xx responses: 5",
        ] {
            let said = WRK.replace("Requests/sec", &format!("  {trouble}\nRequests/sec"));
            assert_eq!(wrk(&said), Err(format!("wrk: {trouble}")));
        }
        for said in ["", "0 requests in 3.00s, 0.00B read\nRequests/sec: 0.00"] {
            assert!(wrk(said).is_err(), "{said}");
        }
        assert!(wrk(&WRK.replace("25200.00", "0.00")).is_err());
    }

    #[test]
    fn bytes_of_the_receiver_count_for_iperf3() {
        let said = r#"{ "intervals": [], "end": {
            "sum_sent": { "seconds": 0.5, "bytes": 1048576, "bits_per_second": 16777216 },
            "sum_received": { "seconds": 1.0, "bytes": 1000000, "bits_per_second": 8000000.0 }
        } }"#;
        let told = Tally {
            work: 1e6,
            wall: Duration::from_secs(1),
        };
        assert_eq!(iperf3(said), Ok(told));
    }

    #[test]
    fn troubles_of_iperf3_are_told_in_its_words() {
        let said = r#"{ "end": {}, "error": "unable to connect to server: Connection refused" }"#;
        let error = "iperf3: unable to connect to server: Connection refused";
        assert_eq!(iperf3(said), Err(error.to_owned()));
        for said in ["", "{}", r#"{ "end": { "sum_received": { "bytes": 0 } } }"#] {
            assert!(iperf3(said).is_err(), "{said}");
        }
    }
}
