//! Bad days: a link that loses, a flood of SYNs, text that comes a byte at a time and out of order.

mod flood;
mod holes;
mod loss;

use handfast_bench::Contest;

pub(crate) use holes::solos;

pub(crate) fn contests() -> Vec<Contest<'static>> {
    let mut contests = loss::contests();
    contests.push(flood::contest());
    contests
}
