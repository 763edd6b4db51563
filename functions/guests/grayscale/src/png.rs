//! PNG images, read and written.

use std::io::Cursor;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Limits, Transformations};

use crate::Fault;
use crate::grey::{Grey, Layout, room};

pub(crate) fn decode(image: &[u8]) -> Result<Grey, Fault> {
    // What is kept of text and profiles; the pixels do not count.
    let mut decoder = Decoder::new_with_limits(Cursor::new(image), Limits { bytes: 16 << 20 });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let (width, height) = decoder.read_header_info().map_err(Fault::broken)?.size();
    crate::check_size(width.into(), height.into())?;
    let mut reader = decoder.read_info().map_err(Fault::broken)?;
    let layout = match reader.output_color_type() {
        (ColorType::Grayscale, BitDepth::Eight) => Layout::Grey,
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => Layout::GreyOpacity,
        (ColorType::Rgb, BitDepth::Eight) => Layout::Rgb,
        (ColorType::Rgba, BitDepth::Eight) => Layout::RgbOpacity,
        _ => return Err(Fault::broken("its colours are of an unknown kind")),
    };
    if reader.info().interlaced {
        let size = reader.output_buffer_size().ok_or_else(|| Fault::broken("its size is unknown"))?;
        let mut pixels = vec![0; size];
        reader.next_frame(&mut pixels).map_err(Fault::broken)?;
        return Grey::from_pixels(width, height, layout, &pixels);
    }
    // Row by row: colours never lie in memory as a whole, and are still near when they are turned to grey.
    let mut pixels = room(width, height, layout.has_opacity())?;
    for _ in 0..height {
        let row = reader
            .next_row()
            .map_err(Fault::broken)?
            .ok_or_else(|| Fault::broken("it ends in the middle"))?;
        layout.append(row.data(), &mut pixels);
    }
    Ok(Grey { width, height, opacity: layout.has_opacity(), pixels })
}

pub(crate) fn encode(grey: &Grey) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(grey.pixels.len() / 2 + 1024);
    let mut encoder = Encoder::new(&mut bytes, grey.width, grey.height);
    encoder.set_color(if grey.opacity { ColorType::GrayscaleAlpha } else { ColorType::Grayscale });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().map_err(Fault::broken)?;
    writer.write_image_data(&grey.pixels).map_err(Fault::broken)?;
    writer.finish().map_err(Fault::broken)?;
    Ok(bytes)
}
