//! What the configuration says of a model.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use super::bounds;

/// A model that functions may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSettings {
    /// The name by which guests load it: a small letter, then at most 62 small letters, digits and hyphens.
    pub name: String,
    /// The ONNX file.
    pub file: PathBuf,
    /// The names of the classes that it tells apart, one a line, the first for class 0.
    pub labels: Option<PathBuf>,
    /// The size of the image that it looks at.
    pub input: InputSize,
    /// What one computation may take. It cannot be ended before it is done, so that a model that takes longer is refused.
    pub longest: Duration,
}

impl ModelSettings {
    /// The default of [`longest`](Self::longest).
    pub const LONGEST: Duration = bounds::TIME;
}

/// The size of an image in pixels, written `WIDTHxHEIGHT`. 224x224 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize {
    /// Pixels a row, 1 to 4,096.
    pub width: u32,
    /// Rows, 1 to 4,096.
    pub height: u32,
}

impl InputSize {
    /// The most pixels a side.
    pub const MAX: u32 = 4096;
}

impl Default for InputSize {
    fn default() -> Self {
        Self { width: 224, height: 224 }
    }
}

impl fmt::Display for InputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// The text is no size of an image.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an image's size is WIDTHxHEIGHT in pixels, 1 to {} each, such as 224x224", InputSize::MAX)]
pub struct NoInputSize;

impl FromStr for InputSize {
    type Err = NoInputSize;

    fn from_str(text: &str) -> Result<Self, NoInputSize> {
        let (width, height) = text.split_once('x').ok_or(NoInputSize)?;
        let side = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let side = text.parse().ok().filter(|side| digits && (1..=Self::MAX).contains(side));
            side.ok_or(NoInputSize)
        };
        Ok(Self { width: side(width)?, height: side(height)? })
    }
}

#[cfg(test)]
mod tests {
    use super::InputSize;

    #[test]
    fn a_size_is_two_numbers() {
        let read = |text: &str| text.parse::<InputSize>().ok();
        assert_eq!(read("224x224"), Some(InputSize::default()));
        assert_eq!(read("4096x1").map(|size| size.to_string()).as_deref(), Some("4096x1"));
        for bad in
            ["", "224", "224x", "x224", "0x224", "224x4097", "224X224", "+224x224", "224x224x3", " 224x224"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
