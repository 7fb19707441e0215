//! Two interfaces of lwIP on one thread, by its own calls (its "raw API"), as fast as Debian's build
//! goes: the application reads where text arrives, and writes what there is room for.

#[expect(unsafe_code, reason = "a library in C, found at run time")]
mod library;

use handfast_bench::Failure;

use super::{PIECE, TEXT, until_there};
pub(super) use library::Pair;

/// Sends [`TEXT`] from one to the other; returns how much arrived.
pub(super) fn transfer(pair: &Pair) -> Result<f64, Failure> {
    let result = pair.connect().and_then(|()| send(pair));
    pair.abort();
    result
}

fn send(pair: &Pair) -> Result<f64, Failure> {
    let written = vec![0x5a; PIECE];
    let start = pair.arrived();
    let mut out = 0_u64;
    until_there(|| {
        pair.on_time();
        if out < TEXT {
            let wanted = usize::try_from(TEXT - out)?.min(PIECE);
            out += pair.write(&written[..wanted])? as u64;
            if out == TEXT {
                pair.finish();
            }
        }
        pair.carry(0);
        pair.carry(1);
        Ok((out, pair.arrived() - start))
    })
}
