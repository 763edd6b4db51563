use bytes::Bytes;

/// A picture whose beginning says that it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) format: Format,
    pub(crate) bytes: Bytes,
}

/// What all browsers show. SVG is none of them: it is a document, and may hold a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    Gif,
    WebP,
    Bmp,
}

impl Picture {
    /// `None` if the bytes begin like no picture, whoever calls them one.
    pub(crate) fn new(bytes: Bytes) -> Option<Self> {
        Format::of(&bytes).map(|format| Self { format, bytes })
    }
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => Some(Self::Png),
            _ if bytes.starts_with(b"\xff\xd8\xff") => Some(Self::Jpeg),
            _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => Some(Self::Gif),
            // Two letters are little to go by: four bytes that are always 0 are looked at as well.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some(Self::Bmp),
            _ => None,
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Bmp => "image/bmp",
        }
    }

    /// What the name of its file ends in.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Format, Picture};

    #[test]
    fn a_picture_is_known_by_its_beginning() {
        for (bytes, format) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], Some(Format::Png)),
            (b"\xff\xd8\xff\xe0", Some(Format::Jpeg)),
            (b"GIF89a", Some(Format::Gif)),
            (b"GIF87a,", Some(Format::Gif)),
            (b"RIFF\x01\0\0\0WEBPVP8 ", Some(Format::WebP)),
            (b"BM\x01\x02\x03\x04\0\0\0\0\x36", Some(Format::Bmp)),
            (b"", None),
            (b"GIF88a", None),
            (b"RIFF\x01\0\0\0WAVE", None),
            (b"BMW drives", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"<html>", None),
            (b"%PDF-1.7", None),
        ] {
            let found = Picture::new(Bytes::from_static(bytes)).map(|picture| picture.format);
            assert_eq!(found, format, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
