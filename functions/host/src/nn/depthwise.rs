//! Convolutions that look at each channel apart, as MobileNets have them: more than half of such a model's time in the engine,
//! which computes them on no wider registers than all processors of a kind have.

use pulp::{Arch, Simd, WithSimd, as_arrays, as_arrays_mut};

/// A depthwise convolution of images, and cutting off what is too small or too large.
pub(super) struct Depthwise {
    /// Channels × rows × columns of the kernel.
    pub(super) weights: Vec<f32>,
    /// One a channel.
    pub(super) bias: Vec<f32>,
    /// Rows and columns.
    pub(super) kernel: [usize; 2],
    /// Steps down and right.
    pub(super) strides: [usize; 2],
    pub(super) padding: Padding,
    /// The least and the most that comes out.
    pub(super) clip: [f32; 2],
    pub(super) arch: Arch,
}

/// Zeros around an image.
pub(super) enum Padding {
    /// Above, left, below, right.
    Fixed([usize; 4]),
    /// As many as it takes for an output of the size of the input over the step, an odd one below and on the right, or the other
    /// way round.
    Same { odd_first: bool },
}

/// Numbers that are computed at a time, at least; rows are as much longer than what they hold.
const STEP: usize = 32;
/// Registers that are summed apart, so that one addition need not wait for the one before.
const SUMS: usize = 4;

impl Depthwise {
    /// From images × channels × height × width to the same; `None` if the shape does not fit.
    ///
    /// Each channel is laid out with its padding, row after row without a gap, one layout for each place within a step. So every
    /// number of the kernel meets a run of the layout that is as long as the whole output, and small images are as fast as
    /// large ones. What lies where rows meet is computed for nothing and left out.
    pub(super) fn run(&self, shape: &[usize], input: &[f32]) -> Option<([usize; 4], Vec<f32>)> {
        let [images, channels, height, width] = *shape else { return None };
        if shape.contains(&0)
            || channels != self.bias.len()
            || input.len() != images * channels * height * width
        {
            return None;
        }
        let (above, below) = self.around(0, height);
        let (left, right) = self.around(1, width);
        let [down, across] = self.strides;
        let padded = [above + height + below, left + width + right];
        let rows = padded[0].checked_sub(self.kernel[0])? / down + 1;
        let columns = padded[1].checked_sub(self.kernel[1])? / across + 1;
        let pitch = padded[1].div_ceil(across);
        let run = ((rows - 1) * pitch + columns).next_multiple_of(STEP);
        let layout = padded[0].div_ceil(down) * pitch + STEP;
        let mut layouts = vec![vec![0.; layout]; down * across];
        let mut sums = vec![0.; run];
        let mut output = Vec::with_capacity(images * channels * rows * columns);
        for (index, channel) in input.chunks_exact(height * width).enumerate() {
            for (y, row) in channel.chunks_exact(width).enumerate() {
                let (line, place) = ((above + y) / down, (above + y) % down);
                for first in 0..across.min(width) {
                    let (column, beside) = ((left + first) / across, (left + first) % across);
                    let to = &mut layouts[place * across + beside][line * pitch + column..];
                    if across == 1 {
                        to[..width].copy_from_slice(row);
                    } else {
                        let from = row[first..].iter().step_by(across);
                        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
            }
            let channel = index % channels;
            let area = self.kernel[0] * self.kernel[1];
            let weights = &self.weights[channel * area..][..area];
            let taps = weights.iter().enumerate().map(|(place, weight)| {
                let (y, x) = (place / self.kernel[1], place % self.kernel[1]);
                let start = y / down * pitch + x / across;
                (*weight, &layouts[y % down * across + x % across][start..][..run])
            });
            let taps: Vec<_> = taps.collect();
            self.arch.dispatch(Sum {
                taps: &taps,
                bias: self.bias[channel],
                clip: self.clip,
                sums: &mut sums,
            });
            for row in sums.chunks(pitch).take(rows) {
                output.extend_from_slice(&row[..columns]);
            }
        }
        Some(([images, channels, rows, columns], output))
    }

    /// Zeros before and after a row or a column of so many numbers.
    fn around(&self, side: usize, length: usize) -> (usize, usize) {
        match self.padding {
            Padding::Fixed(padding) => (padding[side], padding[side + 2]),
            Padding::Same { odd_first } => {
                let steps = length.div_ceil(self.strides[side]).saturating_sub(1);
                let all = (steps * self.strides[side] + self.kernel[side]).saturating_sub(length);
                let (less, more) = (all / 2, all.div_ceil(2));
                if odd_first { (more, less) } else { (less, more) }
            }
        }
    }
}

/// The sum of runs, each times a number.
struct Sum<'a> {
    taps: &'a [(f32, &'a [f32])],
    bias: f32,
    clip: [f32; 2],
    sums: &'a mut [f32],
}

impl WithSimd for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Nine numbers are what nearly all kernels have, and their loop is unrolled.
        match <&[_; 9]>::try_from(self.taps) {
            Ok(taps) => sum(simd, taps, self.bias, self.clip, self.sums),
            Err(_) => sum(simd, self.taps, self.bias, self.clip, self.sums),
        }
    }
}

#[inline(always)]
fn sum<'a, S: Simd>(
    simd: S,
    taps: &(impl AsRef<[(f32, &'a [f32])]> + ?Sized),
    bias: f32,
    clip: [f32; 2],
    sums: &mut [f32],
) {
    let taps = taps.as_ref();
    let bias = simd.splat_f32s(bias);
    let [least, most] = clip.map(|bound| simd.splat_f32s(bound));
    // The length is a multiple of all registers' lengths.
    let (sums, _) = S::as_mut_simd_f32s(sums);
    let (fours, rest) = as_arrays_mut::<SUMS, _>(sums);
    let whole = fours.len();
    for (place, four) in fours.iter_mut().enumerate() {
        let mut parts = [bias; SUMS];
        for (weight, run) in taps {
            let weight = simd.splat_f32s(*weight);
            let (run, _) = as_arrays::<SUMS, _>(S::as_simd_f32s(run).0);
            for (part, number) in parts.iter_mut().zip(&run[place]) {
                *part = simd.mul_add_f32s(weight, *number, *part);
            }
        }
        for (sum, part) in four.iter_mut().zip(parts) {
            *sum = simd.min_f32s(simd.max_f32s(part, least), most);
        }
    }
    for (place, one) in rest.iter_mut().enumerate() {
        let mut part = bias;
        for (weight, run) in taps {
            let number = S::as_simd_f32s(run).0[whole * SUMS + place];
            part = simd.mul_add_f32s(simd.splat_f32s(*weight), number, part);
        }
        *one = simd.min_f32s(simd.max_f32s(part, least), most);
    }
}

#[cfg(test)]
mod tests {
    use pulp::Arch;

    use super::{Depthwise, Padding};

    /// As the definition says it, one number after the other.
    fn slowly(convolution: &Depthwise, shape: [usize; 4], input: &[f32], padding: [usize; 4]) -> Vec<f32> {
        let [images, channels, height, width] = shape;
        let [rows, columns] = convolution.kernel;
        let [down, across] = convolution.strides;
        let [above, left, below, right] = padding;
        let mut output = Vec::new();
        for plane in 0..images * channels {
            for y in 0..=(height + above + below - rows) / down {
                for x in 0..=(width + left + right - columns) / across {
                    let channel = plane % channels;
                    let mut sum = convolution.bias[channel];
                    for (row, column) in
                        (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)))
                    {
                        let (y, x) =
                            ((y * down + row).wrapping_sub(above), (x * across + column).wrapping_sub(left));
                        if y < height && x < width {
                            let weight = convolution.weights[(channel * rows + row) * columns + column];
                            sum += weight * input[(plane * height + y) * width + x];
                        }
                    }
                    output.push(sum.clamp(convolution.clip[0], convolution.clip[1]));
                }
            }
        }
        output
    }

    #[test]
    fn it_is_the_sum_of_the_definition() {
        let mut state = 1_u32;
        let mut random = |count: usize| -> Vec<f32> {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from((state >> 16) as u16) / 32_768. - 1.
            };
            (0..count).map(|_| next()).collect()
        };
        let fixed = |padding| (Padding::Fixed(padding), padding);
        let cases = [
            ([1, 3, 7, 7], [3, 3], [1, 1], fixed([1, 1, 1, 1])),
            ([1, 2, 112, 112], [3, 3], [2, 2], fixed([0, 0, 1, 1])),
            ([2, 3, 9, 13], [5, 5], [1, 1], fixed([2, 2, 2, 2])),
            ([1, 1, 8, 11], [3, 2], [2, 3], fixed([1, 0, 2, 1])),
            ([1, 4, 3, 3], [3, 3], [1, 1], fixed([0, 0, 0, 0])),
            ([1, 1, 1, 1], [3, 3], [2, 2], fixed([1, 1, 1, 1])),
            ([1, 1, 2, 1], [1, 1], [3, 3], fixed([0, 0, 0, 0])),
            ([1, 2, 14, 15], [3, 3], [2, 2], (Padding::Same { odd_first: false }, [0, 1, 1, 1])),
            ([1, 2, 14, 15], [3, 3], [2, 2], (Padding::Same { odd_first: true }, [1, 1, 0, 1])),
        ];
        for (shape, kernel, strides, (padding, expected)) in cases {
            let channels = shape[1];
            let convolution = Depthwise {
                weights: random(channels * kernel[0] * kernel[1]),
                bias: random(channels),
                kernel,
                strides,
                padding,
                clip: [-1.5, 1.25],
                arch: Arch::new(),
            };
            let input = random(shape.iter().product());
            let (_, output) = convolution.run(&shape, &input).expect("it fits");
            let slowly = slowly(&convolution, shape, &input, expected);
            assert_eq!(output.len(), slowly.len(), "{shape:?} {kernel:?} {strides:?}");
            let far = output.iter().zip(&slowly).any(|(fast, slow)| (fast - slow).abs() > 1e-5);
            assert!(!far, "{shape:?} {kernel:?} {strides:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let convolution = Depthwise {
            weights: vec![1.; 18],
            bias: vec![0.; 2],
            kernel: [3, 3],
            strides: [1, 1],
            padding: Padding::Fixed([0; 4]),
            clip: [f32::NEG_INFINITY, f32::INFINITY],
            arch: Arch::new(),
        };
        assert!(convolution.run(&[1, 2, 3, 3], &[0.; 18]).is_some());
        assert!(convolution.run(&[1, 2, 2, 3], &[0.; 12]).is_none());
        assert!(convolution.run(&[1, 3, 3, 3], &[0.; 27]).is_none());
        assert!(convolution.run(&[2, 3, 3], &[0.; 18]).is_none());
        assert!(convolution.run(&[1, 2, 3, 3], &[0.; 17]).is_none());
    }
}
