//! The only place that asks the system for randomness: a host's seed, once.

use std::io;

/// A seed that nobody can guess, for [`crate::Config::seed`] of a host on a real network.
///
/// # Errors
/// When the system's generator fails, which early in boot or inside a tight sandbox it may.
pub fn random_seed() -> io::Result<u64> {
    getrandom::u64().map_err(|error| {
        io::Error::other(format!(
            "the system gave no random seed: {error}; allow the getrandom call or give a seed \
             of your own"
        ))
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn seeds_differ() {
        let seeds = [(); 3].map(|()| super::random_seed().unwrap());
        assert!(seeds[0] != seeds[1] || seeds[1] != seeds[2]);
    }
}
