//! What the sandbox costs where a guest has much to do: the same Rust code takes the colours out of a megapixel, as a guest and
//! natively.

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use host::{Engine, Function, Grants, Limits};

use super::{
    guests::{built, said},
    runner::call,
};
use crate::{failure::Failure, report::Bound};

pub(super) const OF_NATIVE: Bound = Bound::AtMost(2.0);

/// The same megapixel twice: file, and the names of its two rows.
pub(super) const PICTURES: [(&str, &str, &str); 2] = [
    ("megapixel.jpg", "grayscale of a JPEG, Rust", "the same, natively"),
    ("megapixel.png", "grayscale of a PNG, Rust", "the same, natively"),
];

/// What the guest's manifest says.
const MEMORY: usize = 384 << 20;
const ROUND_WITHIN: Duration = Duration::from_secs(4);
const WARM_UP: usize = 3;

/// Calls of the guest and of the native function in turn, `calls` of each at most. Prints a row for each.
pub(super) async fn here(engine: &Engine, calls: usize) -> Result<(), Failure> {
    let wasm = std::fs::read(built("grayscale")).map_err(Failure::file("read a guest"))?;
    let limits = Limits { memory: MEMORY, ..Limits::default() };
    let guest = Function::compile(engine, "grayscale", &wasm, limits, Grants::default())
        .map_err(Failure::work("compile a guest"))?;
    for (file, guests, natives) in PICTURES {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("pictures").join(file);
        let picture = Bytes::from(std::fs::read(file).map_err(Failure::file("read a picture"))?);
        let natively = || grayscale::grayscale(&picture).map_err(Failure::work("take out colours"));
        let by_guest = async || {
            let answer = guest.call(call(None, picture.clone())).await.result;
            answer.map(|answer| answer.body).map_err(Failure::work("call a guest"))
        };
        if by_guest().await? != natively()? {
            return Err(Failure::Said {
                what: "the guest grayscale".to_owned(),
                said: "another picture than the native function".to_owned(),
            });
        }
        let (mut guest_took, mut native_took) = (Vec::new(), Vec::new());
        let mut end = Instant::now() + ROUND_WITHIN;
        for turn in 0..WARM_UP + calls {
            if turn == WARM_UP {
                guest_took.clear();
                native_took.clear();
                end = Instant::now() + ROUND_WITHIN;
            } else if turn > WARM_UP && Instant::now() > end {
                break;
            }
            let start = Instant::now();
            black_box(by_guest().await?);
            guest_took.push(start.elapsed().as_nanos() as f64 / 1e3);
            let start = Instant::now();
            black_box(natively()?);
            native_took.push(start.elapsed().as_nanos() as f64 / 1e3);
        }
        said(guests, guest_took);
        said(natives, native_took);
    }
    Ok(())
}
