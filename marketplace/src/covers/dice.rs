use service::stable::{SplitMix64, fnv1a};

/// Numbers that depend on some words alone, so that a book keeps its cover for ever.
///
/// FNV-1a (64 bits) of the words, each closed by a byte that UTF-8 never holds, stirred by `SplitMix64`.
pub(super) struct Dice(SplitMix64);

impl Dice {
    pub(super) fn new(words: &[&str]) -> Self {
        Self(SplitMix64(fnv1a(words.iter().flat_map(|word| word.bytes().chain([0xff])))))
    }

    /// From 0 to `sides - 1`.
    pub(super) fn pick(&mut self, sides: u64) -> usize {
        (self.0.draw() % sides) as usize
    }

    /// From `low` to `high`, in steps of a whole unit.
    pub(super) fn between(&mut self, low: i32, high: i32) -> f32 {
        let sides = u64::from(high.abs_diff(low)) + 1;
        low as f32 + (self.0.draw() % sides) as f32
    }

    /// One of the values.
    pub(super) fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.pick(values.len() as u64)]
    }
}
