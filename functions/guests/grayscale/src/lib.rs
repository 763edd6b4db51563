//! Takes the colours out of images. A GIF stays a GIF, animated or not; PNG, JPEG, WebP and BMP become PNG, with their transparency
//! and turned as their camera was held. Of an animated PNG or WebP it is the first picture.

#![forbid(unsafe_code)]

use std::fmt;

mod exif;
mod gif;
mod grey;
mod jpeg;
mod png;
mod uncommon;

/// The most pixels of an image that is taken to pieces: 32 Mi, so that the memory for it has a bound.
pub const MAX_PIXELS: u64 = 32 << 20;

/// The image without its colours.
///
/// # Errors
/// Whatever is no image of a known format, is broken, or is too large.
pub fn grayscale(image: &[u8]) -> Result<Vec<u8>, Fault> {
    let grey = match image {
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => return gif::grayscale(image),
        [0x89, b'P', b'N', b'G', ..] => png::decode(image)?,
        [0xff, 0xd8, 0xff, ..] => jpeg::decode(image)?,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => uncommon::decode_webp(image)?,
        [b'B', b'M', ..] => uncommon::decode_bmp(image)?,
        _ => return Err(Fault::Unknown),
    };
    png::encode(&grey)
}

/// Why there is no grey image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The bytes are of no format that is known here.
    Unknown,
    /// The image is not whole, or not what it says that it is: what its decoder says.
    Broken(String),
    /// It has more than [`MAX_PIXELS`].
    TooLarge {
        /// In pixels.
        width: u64,
        /// In pixels.
        height: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("This is no PNG, JPEG, GIF, WebP or BMP image."),
            Self::Broken(reason) => write!(f, "This image is broken: {reason}"),
            Self::TooLarge { width, height } => {
                write!(f, "An image of {width} × {height} pixels is too large.")
            }
        }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    fn broken(reason: impl fmt::Display) -> Self {
        Self::Broken(reason.to_string())
    }
}

/// Refuses what is too large before memory is taken for it.
fn check_size(width: u64, height: u64) -> Result<(), Fault> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MAX_PIXELS => Ok(()),
        _ => Err(Fault::TooLarge { width, height }),
    }
}
