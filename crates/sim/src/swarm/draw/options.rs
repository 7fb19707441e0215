//! What connections start with.

use handfast::tcp::{Algorithm, Config, EcnMode, MtuProbing, Pacing};

use super::{Draw, count};

/// The choices of one host.
///
/// Left at their defaults: `user_timeout_min` and `user_timeout_max` (they cannot be shorter than
/// a minute, which no fault lasts), `dscp`, `hop_limit` and `soft_errors` (nothing here sees them),
/// `linger` (for closes that wait, which the flows' ends stand for), `urgent_inline` (no flow
/// writes urgent text), `send_mss_min` (it breaks the rule of the peer's MSS on purpose).
pub(super) fn draw(draw: &mut Draw) -> Config {
    let mut config = Config::default();
    buffers(draw, &mut config);
    handshake(draw, &mut config);
    sending(draw, &mut config);
    acknowledging(draw, &mut config);
    patience(draw, &mut config);
    config
}

fn buffers(draw: &mut Draw, config: &mut Config) {
    if draw.on() {
        config.send_buffer = count(draw.dice.size(300, 1 << 20));
        config.send_buffer_max = match draw.dice.below(3) {
            0 => config.send_buffer,
            1 => 4 * config.send_buffer,
            _ => config.send_buffer_max,
        };
    }
    if draw.on() {
        config.receive_buffer = count(draw.dice.size(300, 1 << 20));
        config.receive_buffer_max = match draw.dice.below(3) {
            0 => config.receive_buffer,
            1 => 4 * config.receive_buffer,
            _ => config.receive_buffer_max,
        };
    }
    if draw.on() {
        config.unsent_low_water = Some(count(draw.dice.size(1, 100_000)));
    }
}

fn handshake(draw: &mut Draw, config: &mut Config) {
    config.timestamps = !draw.on();
    config.sack = !draw.on();
    config.window_scaling = !draw.on();
    config.announce_mss = !draw.on();
    if draw.on() {
        config.ecn = draw.dice.pick(&[
            EcnMode::Off,
            EcnMode::Classic,
            EcnMode::AccuratePassive,
            EcnMode::AccurateIncoming,
            EcnMode::Accurate,
            EcnMode::Accurate,
        ]);
        config.ecn_fallback = draw.dice.pick(&[Some(1), Some(0), None, Some(3)]);
    }
    config.accecn_option = !draw.on();
    if draw.on() {
        config.mss_clamp = Some(u16::try_from(draw.dice.size(48, 9_000)).expect("at most 9000"));
    }
    if draw.on() {
        config.syn_linear_timeouts = 4;
    }
    if draw.on() {
        config.syn_retries = Some(small(draw, 0, 6));
    }
    if draw.on() {
        let retries = small(draw, 1, 6);
        config.syn_ack_retries = draw.dice.pick(&[None, Some(retries)]);
    }
}

fn sending(draw: &mut Draw, config: &mut Config) {
    config.nagle = !draw.on();
    if draw.on() {
        config.congestion = draw.dice.pick(&[Algorithm::Reno, Algorithm::Bbr]);
    }
    if draw.on() {
        config.pacing = draw.dice.pick(&[Pacing::On, Pacing::Off]);
    }
    if draw.on() {
        config.mtu_probing = draw.dice.pick(&[MtuProbing::Always, MtuProbing::Off]);
    }
    if draw.on() {
        config.initial_window = draw.dice.pick(&[1, 2, 4, 40]);
    }
    config.hystart = !draw.on();
    config.window_validation = !draw.on();
    config.slow_start_after_idle = !draw.on();
    config.rack = !draw.on();
    config.tail_loss_probe = !draw.on();
    config.f_rto = !draw.on();
    if draw.on() {
        config.rto_min = draw.dice.time(1_000, 1_000_000);
    }
}

fn acknowledging(draw: &mut Draw, config: &mut Config) {
    if draw.on() {
        config.quick_acks = draw.dice.pick(&[0, 1, 64]);
    }
    if draw.on() {
        config.delayed_ack = draw.dice.time(1_000, 400_000);
    }
    config.fin_ack_waits = !draw.on();
}

/// Times after which something is given up or done again.
fn patience(draw: &mut Draw, config: &mut Config) {
    if draw.on() {
        let long = draw.dice.time(300_000, 30_000_000);
        config.user_timeout = draw.dice.pick(&[None, Some(long)]);
    }
    config.user_timeout_option = draw.on();
    config.user_timeout_changeable = !draw.on();
    if draw.on() {
        config.connect_timeout = draw.dice.time(500_000, 60_000_000);
    }
    if draw.on() {
        config.keep_alive = Some(draw.dice.time(50_000, 5_000_000));
        // Probes count as strange segments, of which a peer answers few in a second.
        config.keep_alive_interval = draw.dice.time(200_000, 5_000_000);
        config.keep_alive_probes = draw.dice.pick(&[1, 3, 9]);
        config.keep_alive_garbage = draw.on();
    }
    if draw.on() {
        config.time_wait = draw.dice.time(1_000, 2_000_000);
    }
    if draw.on() {
        config.fin_wait_2 = draw.dice.time(200_000, 10_000_000);
    }
}

fn small(draw: &mut Draw, low: u64, high: u64) -> u8 {
    u8::try_from(draw.dice.between(low, high)).expect("a small number")
}
