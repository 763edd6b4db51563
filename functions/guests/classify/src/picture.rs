//! From a file in one of many formats to the pixels that a model looks at.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits, imageops::FilterType};

/// Pixels a side of the largest image that is decoded.
const MAX_SIDE: u32 = 16_384;
/// Bytes that decoding may take.
const MAX_BYTES: u64 = 80 << 20;

/// The RGB bytes of an image of this size that shows the same as the file, the whole of it, upright.
pub fn pixels(file: &[u8], width: u32, height: u32) -> Result<Vec<u8>, String> {
    if file.is_empty() {
        return Err("There is no image: send its bytes as the body.".to_owned());
    }
    let image = decode(file).map_err(|error| format!("This is no image that can be read: {error}."))?;
    // Averaging whole blocks first is many times faster than the filter, and all that it leaves to see is the same.
    let (near_width, near_height) = (width.saturating_mul(2), height.saturating_mul(2));
    let large =
        image.width() > near_width.saturating_mul(2) && image.height() > near_height.saturating_mul(2);
    let image = if large { image.thumbnail_exact(near_width, near_height) } else { image };
    let image = DynamicImage::ImageRgb8(image.into_rgb8());
    Ok(image.resize_exact(width, height, FilterType::Triangle).into_rgb8().into_raw())
}

/// `224x224` as numbers.
pub fn size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

fn decode(file: &[u8]) -> image::ImageResult<DynamicImage> {
    let mut decoder = ImageReader::new(Cursor::new(file)).with_guessed_format()?.into_decoder()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    let (width, height) = decoder.dimensions();
    limits.check_dimensions(width, height)?;
    limits.reserve(decoder.total_bytes())?;
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}
