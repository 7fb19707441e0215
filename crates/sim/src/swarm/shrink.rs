//! Making a failing plan smaller while it fails in the same way.
//!
//! It works on the text of the plan, where every line is a thing that may be left out, every pair
//! a peculiarity that may go back to its default, and every number something that may be halved.

use handfast_device::{ImpairSpec, LinkSpec, Probability};

use super::hunt::run_caught;
use super::plan::Plan;
use super::run::FailureKind;

/// Most worlds that one shrinking may try.
pub const SHRINK_RUNS_MAX: usize = 2_000;

/// The smallest plan found that fails as `plan` does; `plan` itself when it does not fail.
///
/// `told` is called with each smaller plan.
pub fn shrink(plan: &Plan, mut told: impl FnMut(&Plan)) -> Plan {
    let mut best = plan.clone();
    let Some(kind) = kind(plan) else { return best };
    let must_end = matches!(
        kind,
        FailureKind::Stall | FailureKind::Leak | FailureKind::Unexcused(_)
    ) && !has_endless_faults(plan);
    let mut left = SHRINK_RUNS_MAX;
    let mut index = 0;
    while left > 0 {
        let candidates = smaller(&best);
        // From where the last success was, so that a plan of many pairs is not tried from the
        // beginning again and again.
        let mut order = (0..candidates.len()).map(|step| (index + step) % candidates.len());
        let found = order.find_map(|at| {
            let candidate: Plan = candidates[at].parse().ok()?;
            if left == 0 || (must_end && has_endless_faults(&candidate)) {
                return None;
            }
            left -= 1;
            (self::kind(&candidate) == Some(kind)).then_some((at, candidate))
        });
        let Some((at, candidate)) = found else { break };
        index = at;
        told(&candidate);
        best = candidate;
    }
    best
}

fn kind(plan: &Plan) -> Option<FailureKind> {
    run_caught(plan, |_| None)
        .failure
        .map(|failure| failure.kind)
}

/// Whether some link loses segments by chance when the faults are over. Nothing has to end well, or in
/// time, in such a world: what fails for a reason would shrink to what fails for none.
fn has_endless_faults(plan: &Plan) -> bool {
    let faults = plan.world.faults;
    let loses = |link: &LinkSpec| {
        let chances = [link.loss, link.corrupt];
        let by_chance = chances != [Probability::default(); 2] || link.burst.is_some();
        by_chance && link.until.is_none_or(|until| until > faults)
    };
    plan.hosts.iter().any(|host| {
        let spec: ImpairSpec = host.link.parse().unwrap_or_default();
        loses(&spec.inbound) || loses(&spec.outbound)
    })
}

/// Texts with one thing less each, the large steps first.
fn smaller(plan: &Plan) -> Vec<String> {
    let text = plan.to_string();
    let lines: Vec<Vec<String>> = text
        .lines()
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect();
    let mut candidates = Vec::new();
    let mut with = |change: &dyn Fn(&mut Vec<Vec<String>>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        let text: Vec<String> = lines.iter().map(|words| words.join(" ")).collect();
        candidates.push(text.join("\n"));
    };
    for (at, words) in lines.iter().enumerate() {
        if words[0] == "flow" {
            with(&|lines| drop(lines.remove(at)));
        }
        if words[0] == "host" {
            // Its flows go with it, and the numbers of the hosts behind it change.
            let host = lines[..at]
                .iter()
                .filter(|words| words[0] == "host")
                .count();
            with(&|lines| without_host(lines, at, host));
        }
    }
    for (at, words) in lines.iter().enumerate() {
        for (word, pair) in words.iter().enumerate().skip(1) {
            if pair.starts_with("seed=") {
                continue;
            }
            with(&|lines| drop(lines[at].remove(word)));
        }
    }
    for (at, words) in lines.iter().enumerate() {
        for (word, pair) in words.iter().enumerate().skip(1) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if key == "link" {
                let parts: Vec<&str> = value.split(',').collect();
                for part in 0..parts.len() {
                    let rest: Vec<&str> = [&parts[..part], &parts[part + 1..]].concat();
                    let rest = format!("link={}", rest.join(","));
                    with(&|lines| lines[at][word].clone_from(&rest));
                }
            }
            if !matches!(key, "seed" | "from" | "to")
                && let Some(half) = halved(value)
            {
                let half = format!("{key}={half}");
                with(&|lines| lines[at][word].clone_from(&half));
            }
        }
    }
    candidates
}

fn without_host(lines: &mut Vec<Vec<String>>, at: usize, host: usize) {
    lines.remove(at);
    lines.retain_mut(|words| {
        let mut ends = [("from=", 0), ("to=", 1)];
        for (key, end) in &mut ends {
            if let Some(word) = words.iter().find_map(|word| word.strip_prefix(*key)) {
                *end = word.parse().unwrap_or(*end);
            }
        }
        if words[0] != "flow" {
            return true;
        }
        words.retain(|word| !word.starts_with("from=") && !word.starts_with("to="));
        words.extend(ends.map(|(key, end)| format!("{key}{}", end - usize::from(end > host))));
        ends.iter().all(|&(_, end)| end != host)
    });
}

/// Half of a number with an optional unit; `None` for 1 and less, and for what is no number.
fn halved(word: &str) -> Option<String> {
    let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = word.split_at(digits);
    let number: u64 = number.parse().ok().filter(|&number| number > 1)?;
    unit.chars()
        .all(|c| c.is_ascii_alphabetic())
        .then(|| format!("{}{unit}", number / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_is_smaller_and_most_are_plans() {
        for seed in 0..100 {
            let plan = Plan::draw(seed);
            for text in smaller(&plan) {
                if let Ok(candidate) = text.parse::<Plan>() {
                    assert_ne!(candidate, plan);
                }
            }
        }
    }

    #[test]
    fn a_host_leaves_with_its_flows() {
        let plan: Plan = "host\nhost mtu=1280\nhost\nflow from=0 to=1\nflow from=2 to=0 up=5"
            .parse()
            .unwrap();
        let without: Vec<Plan> = smaller(&plan)
            .iter()
            .filter_map(|text| text.parse().ok())
            .filter(|plan: &Plan| plan.hosts.len() == 2)
            .collect();
        assert!(without.iter().any(|plan| {
            plan.flows.len() == 1 && plan.flows[0].from == 1 && plan.flows[0].to == 0
        }));
    }

    #[test]
    fn faults_that_outlast_those_of_the_world_are_endless() {
        for (faults, link, endless) in [
            ("2s", "loss=1%,until=2s", false),
            ("2s", "loss=1%,until=3s", true),
            ("2s", "loss=1%", true),
            ("0s", "out.burst=5%:16", true),
            ("0s", "in.corrupt=1%", true),
            ("0s", "drop=1+5,delay=24ms,reorder=1%:9ms", false),
        ] {
            let text = format!("world faults={faults}\nhost\nhost link={link}\nflow");
            let plan: Plan = text.parse().unwrap();
            assert_eq!(has_endless_faults(&plan), endless, "{faults} {link}");
        }
    }

    #[test]
    fn halves_keep_their_unit() {
        assert_eq!(halved("40ms").as_deref(), Some("20ms"));
        assert_eq!(halved("7").as_deref(), Some("3"));
        assert_eq!(halved("1"), None);
        assert_eq!(halved("on"), None);
    }
}
