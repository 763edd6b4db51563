use crate::fnv;

/// Numbers that depend on some words alone, so that a book keeps its cover for ever.
///
/// FNV-1a (64 bits) of the words, each closed by a byte that UTF-8 never holds, stirred by `SplitMix64`.
/// Neither may ever be replaced.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(words: &[&str]) -> Self {
        Self(fnv::hash(words.iter().flat_map(|word| word.bytes().chain([0xff]))))
    }

    /// From 0 to `sides - 1`.
    pub(super) fn pick(&mut self, sides: u64) -> usize {
        (self.next() % sides) as usize
    }

    /// From `low` to `high`, in steps of a whole unit.
    pub(super) fn between(&mut self, low: i32, high: i32) -> f32 {
        let sides = u64::from(high.abs_diff(low)) + 1;
        low as f32 + (self.next() % sides) as f32
    }

    /// One of the values.
    pub(super) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.pick(values.len() as u64)]
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
