//! WebP and BMP images.

use std::io::Cursor;

use image_webp::WebPDecoder;
use zune_bmp::BmpDecoder;
use zune_core::bit_depth::BitDepth;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;

use crate::Fault;
use crate::grey::{Grey, Layout};

pub(crate) fn decode_webp(image: &[u8]) -> Result<Grey, Fault> {
    let mut decoder = WebPDecoder::new(Cursor::new(image)).map_err(Fault::broken)?;
    let (width, height) = decoder.dimensions();
    crate::check_size(width.into(), height.into())?;
    let size = decoder.output_buffer_size().ok_or_else(|| Fault::broken("its size is unknown"))?;
    let mut pixels = vec![0; size];
    if decoder.is_animated() {
        decoder.read_frame(&mut pixels).map_err(Fault::broken)?;
    } else {
        decoder.read_image(&mut pixels).map_err(Fault::broken)?;
    }
    let layout = if decoder.has_alpha() { Layout::RgbOpacity } else { Layout::Rgb };
    Grey::from_pixels(width, height, layout, &pixels)
}

pub(crate) fn decode_bmp(image: &[u8]) -> Result<Grey, Fault> {
    // The decoder takes what is missing for black.
    let promised = image.get(2..6).map(|size| u32::from_le_bytes([size[0], size[1], size[2], size[3]]));
    if promised.is_none_or(|size| size as usize > image.len()) {
        return Err(Fault::broken("it is cut off"));
    }
    let mut decoder = BmpDecoder::new(ZCursor::new(image));
    decoder.decode_headers().map_err(|error| Fault::Broken(format!("{error:?}")))?;
    let (Some((width, height)), Some(colours)) = (decoder.dimensions(), decoder.colorspace()) else {
        return Err(Fault::broken("it has no header"));
    };
    crate::check_size(width as u64, height as u64)?;
    let layout = match (colours, decoder.depth()) {
        (ColorSpace::Luma, BitDepth::Eight) => Layout::Grey,
        (ColorSpace::RGB, BitDepth::Eight) => Layout::Rgb,
        (ColorSpace::RGBA, BitDepth::Eight) => Layout::RgbOpacity,
        _ => return Err(Fault::broken("its colours are of an unknown kind")),
    };
    let pixels = decoder.decode().map_err(|error| Fault::Broken(format!("{error:?}")))?;
    Grey::from_pixels(width as u32, height as u32, layout, &pixels)
}
