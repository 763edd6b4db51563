use super::SIDE;

/// Where a plot begins and ends, at round numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

/// About so many steps.
const STEPS: f64 = 4.0;

impl Scale {
    /// Around all of these, and not narrower than `least`. Numbers that are none are left out.
    pub(crate) fn around(numbers: impl IntoIterator<Item = f64>, least: f64) -> Self {
        let finite = numbers.into_iter().filter(|number| number.is_finite());
        let ends = finite.fold(None, |ends: Option<(f64, f64)>, number| {
            let (low, high) = ends.unwrap_or((number, number));
            Some((low.min(number), high.max(number)))
        });
        let (low, high) = ends.unwrap_or((0.0, least));
        let lacking = (least - (high - low)).max(0.0) / 2.0;
        // What is never negative is not drawn from below nothing.
        let from = if low >= 0.0 { (low - lacking).max(0.0) } else { low - lacking };
        Self::between(from, (high + lacking).max(from + least))
    }

    /// From nothing to the largest of these, at least to `least`.
    pub(crate) fn from_nothing(numbers: impl IntoIterator<Item = f64>, least: f64) -> Self {
        let finite = numbers.into_iter().filter(|number| number.is_finite());
        Self::between(0.0, finite.fold(least, f64::max))
    }

    /// As [`Scale::from_nothing`], for what is counted.
    pub(crate) fn of_counts(numbers: impl IntoIterator<Item = f64>) -> Self {
        let scale = Self::from_nothing(numbers, 1.0);
        if scale.step >= 1.0 { scale } else { Self { low: 0.0, high: scale.high.ceil(), step: 1.0 } }
    }

    fn between(low: f64, high: f64) -> Self {
        let step = round((high - low).max(1e-9) / STEPS);
        // What lies on a line to within a rounding error is not given another one.
        let low = (low / step + 1e-9).floor() * step;
        let high = (high / step - 1e-9).ceil() * step;
        Self { low, high: high.max(low + step), step }
    }

    /// How far up a number stands: 0 at the top, 100 at the bottom.
    pub(super) fn y(&self, number: f64) -> f64 {
        SIDE - self.x(number)
    }

    /// How far to the right: 0 to 100.
    pub(super) fn x(&self, number: f64) -> f64 {
        (SIDE * (number - self.low) / (self.high - self.low)).clamp(0.0, SIDE)
    }

    /// What stands at its lines, the highest first.
    pub(crate) fn ticks(&self, words: impl Fn(f64, usize) -> String) -> Vec<String> {
        let steps = ((self.high - self.low) / self.step).round() as usize;
        let digits = (-self.step.log10()).ceil().max(0.0) as usize;
        (0..=steps).rev().map(|tick| words(self.low + self.step * tick as f64, digits)).collect()
    }
}

/// 1, 2 or 5 times a power of ten, the next above.
fn round(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::Scale;

    fn ticks(scale: Scale) -> Vec<String> {
        scale.ticks(|number, digits| format!("{number:.digits$}"))
    }

    #[test]
    fn lines_are_at_round_numbers() {
        assert_eq!(ticks(Scale::around([0.31, 0.452], 0.02)), ["0.50", "0.45", "0.40", "0.35", "0.30"]);
        assert_eq!(
            ticks(Scale::around([0.453], 0.02)),
            ["0.465", "0.460", "0.455", "0.450", "0.445", "0.440"]
        );
        assert_eq!(ticks(Scale::from_nothing([0.07, 0.02], 0.01)), ["0.08", "0.06", "0.04", "0.02", "0.00"]);
        assert_eq!(ticks(Scale::of_counts([])), ["1", "0"]);
        assert_eq!(ticks(Scale::of_counts([3.0])), ["3", "2", "1", "0"]);
        assert_eq!(ticks(Scale::of_counts([40.0])), ["40", "30", "20", "10", "0"]);
        assert_eq!(ticks(Scale::around([], 0.1)).last().map(String::as_str), Some("0.00"));
        let all = [f64::NAN, f64::INFINITY, 0.5];
        assert_eq!(ticks(Scale::around(all, 0.1)).len(), ticks(Scale::around([0.5], 0.1)).len());
    }

    #[test]
    fn numbers_stand_between_the_lines() {
        let scale = Scale::from_nothing([10.0], 1.0);
        assert_eq!([0.0, 5.0, 10.0, 99.0].map(|number| scale.x(number) as i32), [0, 50, 100, 100]);
        assert_eq!(scale.y(0.0), 100.0);
    }
}
