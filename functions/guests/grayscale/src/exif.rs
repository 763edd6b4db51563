//! How a camera was held. A PNG cannot say so in a way that all browsers heed, so the pixels are turned.

use crate::grey::Grey;

/// Where the pixels of the upright picture come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether its rows are the columns of what is stored.
    swapped: bool,
    /// Whether columns are counted from the right in what is stored.
    from_right: bool,
    /// Whether rows are counted from the bottom in what is stored.
    from_bottom: bool,
}

/// The number of the field of EXIF, and of the type of number that it has.
const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

impl Turn {
    pub(crate) const NONE: Self = Self { swapped: false, from_right: false, from_bottom: false };

    /// Reads the first directory of EXIF data, a TIFF header and what follows. What is no such means no turn.
    pub(crate) fn from_exif(exif: &[u8]) -> Self {
        // EXIF 2.32, 4.6.5.
        let (swapped, from_right, from_bottom) = match orientation(exif) {
            Some(2) => (false, true, false),
            Some(3) => (false, true, true),
            Some(4) => (false, false, true),
            Some(5) => (true, false, false),
            Some(6) => (true, false, true),
            Some(7) => (true, true, true),
            Some(8) => (true, true, false),
            _ => return Self::NONE,
        };
        Self { swapped, from_right, from_bottom }
    }

    /// The picture as it was seen. Only pixels without opacity, as a camera's are, can be turned.
    pub(crate) fn apply(self, grey: Grey) -> Grey {
        if self == Self::NONE || grey.opacity {
            return grey;
        }
        let (columns, rows) = (grey.width as usize, grey.height as usize);
        let (width, height) = if self.swapped { (rows, columns) } else { (columns, rows) };
        let mut pixels = Vec::with_capacity(grey.pixels.len());
        for y in 0..height {
            pixels.extend((0..width).map(|x| {
                let (column, row) = if self.swapped { (y, x) } else { (x, y) };
                let column = if self.from_right { columns - 1 - column } else { column };
                let row = if self.from_bottom { rows - 1 - row } else { row };
                grey.pixels[row * columns + column]
            }));
        }
        Grey { width: width as u32, height: height as u32, opacity: false, pixels }
    }
}

/// The field's value, if the data are of EXIF and have it.
fn orientation(exif: &[u8]) -> Option<u16> {
    let little = exif.starts_with(b"II");
    let short = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    // A directory that lies further in than 64 KiB does not fit where EXIF data lie.
    let directory = usize::from(short(if little { 4 } else { 6 })?);
    let entries = (0..usize::from(short(directory)?)).map(|entry| directory + 2 + entry * 12);
    let field =
        entries.into_iter().find(|at| short(*at) == Some(ORIENTATION) && short(at + 2) == Some(SHORT))?;
    short(field + 8)
}
