use crate::Fault;

/// Pixels without colours, row by row from the top: one byte each, or two with the opacity behind the lightness.
pub(crate) struct Grey {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) opacity: bool,
    pub(crate) pixels: Vec<u8>,
}

/// Which bytes of a decoded pixel mean what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Grey,
    GreyOpacity,
    Rgb,
    RgbOpacity,
}

impl Layout {
    pub(crate) fn has_opacity(self) -> bool {
        matches!(self, Self::GreyOpacity | Self::RgbOpacity)
    }

    /// Appends what whole pixels look like without colours.
    pub(crate) fn append(self, pixels: &[u8], grey: &mut Vec<u8>) {
        match self {
            Self::Grey | Self::GreyOpacity => grey.extend_from_slice(pixels),
            Self::Rgb => grey.extend(pixels.as_chunks::<3>().0.iter().map(|[r, g, b]| lightness(*r, *g, *b))),
            Self::RgbOpacity => grey.extend(
                pixels
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .flat_map(|[r, g, b, opacity]| [lightness(*r, *g, *b), *opacity]),
            ),
        }
    }
}

impl Grey {
    /// Takes the colours out of all pixels of an image.
    pub(crate) fn from_pixels(width: u32, height: u32, layout: Layout, pixels: &[u8]) -> Result<Self, Fault> {
        let opacity = layout.has_opacity();
        let mut grey = room(width, height, opacity)?;
        layout.append(pixels, &mut grey);
        Ok(Self { width, height, opacity, pixels: grey })
    }
}

/// An empty vector that holds a whole image.
pub(crate) fn room(width: u32, height: u32, opacity: bool) -> Result<Vec<u8>, Fault> {
    crate::check_size(width.into(), height.into())?;
    let bytes = width as usize * height as usize * if opacity { 2 } else { 1 };
    let mut grey = Vec::new();
    grey.try_reserve_exact(bytes)
        .map_err(|_| Fault::TooLarge { width: width.into(), height: height.into() })?;
    Ok(grey)
}

/// How light a colour looks: Rec. ITU-R BT.601, the weights by which JPEG takes lightness apart from colours, in 1/256.
pub(crate) fn lightness(red: u8, green: u8, blue: u8) -> u8 {
    ((77 * u16::from(red) + 150 * u16::from(green) + 29 * u16::from(blue) + 128) >> 8) as u8
}
