//! JPEG images. Most hold lightness apart from colours, so that colours need not be decoded at all.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::Fault;
use crate::exif::Turn;
use crate::grey::{Grey, Layout, room};

pub(crate) fn decode(image: &[u8]) -> Result<Grey, Fault> {
    if !is_whole(image) {
        return Err(Fault::broken("it ends in the middle"));
    }
    // More of either is no JPEG.
    let options =
        DecoderOptions::default().set_max_width(usize::from(u16::MAX)).set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(image), options);
    decoder.decode_headers().map_err(Fault::broken)?;
    let (Some(info), Some(colours)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err(Fault::broken("it has no header"));
    };
    let turn = decoder.exif().map_or(Turn::NONE, |exif| Turn::from_exif(exif));
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    let grey = if matches!(colours, ColorSpace::YCbCr | ColorSpace::Luma) {
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
        let mut pixels = room(width, height, false)?;
        pixels.resize(width as usize * height as usize, 0);
        decoder.decode_into(&mut pixels).map_err(Fault::broken)?;
        Grey { width, height, opacity: false, pixels }
    } else {
        crate::check_size(width.into(), height.into())?;
        decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::RGB));
        let pixels = decoder.decode().map_err(Fault::broken)?;
        Grey::from_pixels(width, height, Layout::Rgb, &pixels)?
    };
    Ok(turn.apply(grey))
}

/// Whether the end of the image follows the last of its pixels. The decoder itself fills what is missing with grey.
fn is_whole(image: &[u8]) -> bool {
    image
        .windows(2)
        .rev()
        .find(|pair| matches!(pair, [0xff, 0xd9 | 0xda]))
        .is_some_and(|pair| pair[1] == 0xd9)
}
