//! Lines for a shell, as far as they are known. No shell is ever run.

use handfast_tcp::State;

/// What a line of a command means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The settings of the public suites.
    Defaults,
    /// One setting.
    Set {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// So many connections must be in a state.
    Count {
        /// The state.
        state: State,
        /// Those that wait for `accept` or nobody's too, not only the program's own.
        all: bool,
        /// How many.
        count: usize,
    },
    /// Counters begin at zero again.
    ZeroCounters,
    /// A counter by its name in Linux must have grown: by so much, or at all.
    Counter {
        /// Its name.
        name: String,
        /// By how much.
        count: Option<u64>,
    },
    /// Entries in TIME-WAIT go.
    DropTimeWait,
    /// The largest IP packet of the link.
    Mtu(u16),
    /// Nothing that would matter here.
    Nothing,
    /// It is not known.
    Unknown(String),
}

/// The orders in a command, line by line.
pub(super) fn orders(text: &str) -> Vec<Order> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().flat_map(|line| line.split("&&"));
    let lines = lines.map(|line| line.split(" #").next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .flat_map(one)
        .collect()
}

fn one(line: &str) -> Vec<Order> {
    let words = words(line);
    let Some(first) = words.first() else {
        return Vec::new();
    };
    let program = first.rsplit('/').next().unwrap_or_default();
    let unknown = || vec![Order::Unknown(format!("the command `{line}`"))];
    match program {
        // Two profiles of this name are about: in the one that is shared between folders every
        // listener does Fast Open.
        "defaults.sh" if first.ends_with("common/defaults.sh") => vec![
            Order::Defaults,
            Order::Set {
                name: "net.ipv4.tcp_fastopen".into(),
                value: "0x403".into(),
            },
        ],
        "defaults.sh" => vec![Order::Defaults],
        "set_sysctls.py" => settings(&words[1..]).unwrap_or_else(unknown),
        "sysctl" => {
            let options = ["-q", "-w", "-n", "-e"];
            let rest = words[1..].iter();
            let rest: Vec<String> = rest
                .filter(|word| !options.contains(&word.as_str()))
                .cloned()
                .collect();
            settings(&rest).unwrap_or_else(unknown)
        }
        "sockstat" => count(line, &words).map_or_else(unknown, |order| vec![order]),
        "tcpdrop" if words[1..] == ["-s", "TIME_WAIT"] => vec![Order::DropTimeWait],
        "nstat" if !line.contains("grep") => vec![Order::ZeroCounters],
        "nstat" => counter(line).map_or_else(unknown, |order| vec![order]),
        "true" | ":" | "echo" => vec![Order::Nothing],
        // What is cut by whom makes no difference here.
        "ethtool" if words.get(1).is_some_and(|word| word == "-K") => vec![Order::Nothing],
        "ip" if line.starts_with("ip link set dev") && words.len() == 7 && words[5] == "mtu" => {
            words[6]
                .parse()
                .map_or_else(|_| unknown(), |mtu| vec![Order::Mtu(mtu)])
        }
        name if name.starts_with("sysctl_restore_") => vec![Order::Nothing],
        // Averages of earlier connections are forgotten: a script starts with none.
        "ip" if words[1..] == ["tcp_metrics", "flush", "all"] => vec![Order::Nothing],
        _ => unknown(),
    }
}

/// `name=value` in each word; `None` when one is something else.
fn settings(words: &[String]) -> Option<Vec<Order>> {
    let one = |word: &String| {
        let (name, value) = word.split_once('=')?;
        let name = name.strip_prefix("/proc/sys/").unwrap_or(name);
        Some(Order::Set {
            name: name.replace('/', "."),
            value: arithmetic(value)?,
        })
    };
    (!words.is_empty()).then(|| words.iter().map(one).collect::<Option<_>>())?
}

/// Replaces each `$((a*b))` by its product.
fn arithmetic(value: &str) -> Option<String> {
    let mut result = String::new();
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once("$((") {
        let (inner, after) = behind.split_once("))")?;
        let product = inner.split('*').try_fold(1_u64, |product, factor| {
            product.checked_mul(factor.trim().parse().ok()?)
        })?;
        result.push_str(before);
        result.push_str(&product.to_string());
        rest = after;
    }
    result.push_str(rest);
    Some(result)
}

/// `nstat | grep NAME` or `nstat -s | grep NAME | grep -q " N "`.
fn counter(line: &str) -> Option<Order> {
    let mut parts = line.split('|').skip(1);
    let name = words(parts.next()?).get(1)?.clone();
    let count = match parts.next() {
        None => None,
        Some(part) => Some(words(part).last()?.trim().parse().ok()?),
    };
    Some(Order::Counter { name, count })
}

/// `sockstat … | grep … | grep -c STATE | grep N`.
fn count(line: &str, words: &[String]) -> Option<Order> {
    let at = words.iter().position(|word| word == "-c")?;
    let state = match words.get(at + 1)?.as_str() {
        "SYN_RCVD" => State::SynReceived,
        "SYN_SENT" => State::SynSent,
        "ESTABLISHED" => State::Established,
        "CLOSE_WAIT" => State::CloseWait,
        "LAST_ACK" => State::LastAck,
        "FIN_WAIT_1" => State::FinWait1,
        "FIN_WAIT_2" => State::FinWait2,
        "CLOSING" => State::Closing,
        "TIME_WAIT" => State::TimeWait,
        "CLOSED" => State::Closed,
        _ => return None,
    };
    let count = words.last()?.parse().ok()?;
    Some(Order::Count {
        state,
        all: !line.contains("packetdril"),
        count,
    })
}

/// Words at blanks, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut depth = 0_u32;
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None, c) if c.is_whitespace() && depth == 0 => words.extend(word.take()),
            (_, c) => {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth.saturating_sub(1),
                    _ => depth,
                };
                word.get_or_insert_default().push(c);
            }
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Order {
        Order::Set {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn settings_come_in_several_forms() {
        let text = "../common/defaults.sh\n sysctl -q net.ipv4.tcp_rmem=\"4096 1000 $((2*1024))\"\n\
            sysctl -w a.b=1 c=2 && ./set_sysctls.py \\\n /proc/sys/net/ipv4/tcp_ecn=3";
        let expected = vec![
            Order::Defaults,
            set("net.ipv4.tcp_fastopen", "0x403"),
            set("net.ipv4.tcp_rmem", "4096 1000 2048"),
            set("a.b", "1"),
            set("c", "2"),
            set("net.ipv4.tcp_ecn", "3"),
        ];
        assert_eq!(orders(text), expected);
    }

    #[test]
    fn states_are_counted() {
        let text = "sockstat -4 -P tcp -s -p 8080 | grep -c SYN_RCVD | grep 1";
        let order = Order::Count {
            state: State::SynReceived,
            all: true,
            count: 1,
        };
        assert_eq!(orders(text), vec![order]);
        assert_eq!(orders("tcpdrop -s TIME_WAIT"), vec![Order::DropTimeWait]);
        let text = "ethtool -K tun0 tso off\nip link set dev tun0 mtu 9000";
        assert_eq!(orders(text), vec![Order::Nothing, Order::Mtu(9_000)]);
    }

    #[test]
    fn anything_else_is_unknown() {
        for text in ["rm -rf /", "sysctl -a", "sysctl x=$((a*b))", "nstat | grep"] {
            assert!(
                matches!(orders(text).as_slice(), [Order::Unknown(_)]),
                "{text}"
            );
        }
        assert_eq!(orders("# nothing\n\n"), vec![]);
    }
}
