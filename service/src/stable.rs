//! Hashes and random numbers that come out the same on every machine, on every replica and in every release: tokens, held-out
//! ratings, readers' variants, covers and the addresses of files depend on them, so that they are written out and may never be
//! replaced.

/// What SplitMix64 adds for each number.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// FNV-1a, 64 bits.
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The number that SplitMix64 draws in this state (Guy Steele, Doug Lea and Christine Flood, "Fast Splittable Pseudorandom
/// Number Generators", OOPSLA 2014): also a hash of a number.
#[inline]
pub fn mix(state: u64) -> u64 {
    let bits = state.wrapping_add(GAMMA);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The generator, with its state.
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next number.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        let drawn = mix(self.0);
        self.0 = self.0.wrapping_add(GAMMA);
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::{SplitMix64, fnv1a};

    #[test]
    fn they_are_the_published_functions() {
        assert_eq!(fnv1a(*b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8);
        let mut random = SplitMix64(0);
        assert_eq!([random.draw(), random.draw()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }
}
