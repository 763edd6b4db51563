//! Pieces of a page that are compressed once and sent many times.
//!
//! A deflate stream may be put together from parts that do not refer to each other, and the check sum of the
//! whole follows from those of its parts (RFC 1951, RFC 1952). So a page whose parts are all known is never
//! compressed anew.

use axum::http::{HeaderMap, header};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Some HTML, plain and deflated.
#[derive(Debug)]
pub(crate) struct Fragment {
    html: Box<str>,
    /// Ends on a byte's edge, without a last block.
    deflated: Box<[u8]>,
    crc: Crc,
}

impl Fragment {
    /// For many pages.
    pub(crate) fn new(html: String) -> Self {
        Self::compressed(html, Compression::best())
    }

    /// For one page.
    pub(crate) fn once(html: String) -> Self {
        Self::compressed(html, Compression::fast())
    }

    fn compressed(html: String, level: Compression) -> Self {
        let mut crc = Crc::new();
        crc.update(html.as_bytes());
        let mut compress = Compress::new(level, false);
        let mut deflated = Vec::with_capacity(html.len() / 2 + 64);
        loop {
            let read = usize::try_from(compress.total_in()).expect("no longer than the text");
            let status = compress.compress_vec(&html.as_bytes()[read..], &mut deflated, FlushCompress::Full);
            debug_assert!(!matches!(status, Ok(Status::StreamEnd) | Err(_)), "{status:?}");
            // Room that is left means that nothing waits to be written.
            if deflated.len() < deflated.capacity() {
                break;
            }
            deflated.reserve(html.len() / 4 + 64);
        }
        Self { html: html.into(), deflated: deflated.into(), crc }
    }

    pub(crate) fn html(&self) -> &str {
        &self.html
    }
}

/// A page that is being put together in one buffer.
pub(crate) struct Assembly {
    out: Vec<u8>,
    gzip: Option<Crc>,
}

impl Assembly {
    pub(crate) fn new(gzip: bool, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        if gzip {
            // Magic number, deflate, no flags, no time, any level, any system.
            out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        }
        Self { out, gzip: gzip.then(Crc::new) }
    }

    pub(crate) fn push(&mut self, fragment: &Fragment) {
        match &mut self.gzip {
            None => self.out.extend_from_slice(fragment.html.as_bytes()),
            Some(crc) => {
                self.out.extend_from_slice(&fragment.deflated);
                crc.combine(&fragment.crc);
            }
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        if let Some(crc) = self.gzip {
            // An empty last block, then the check sum and the length.
            self.out.extend_from_slice(&[3, 0]);
            self.out.extend_from_slice(&crc.sum().to_le_bytes());
            self.out.extend_from_slice(&crc.amount().to_le_bytes());
        }
        self.out
    }
}

/// Whether the browser takes gzip (RFC 9110, 12.5.3).
pub(crate) fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused =
            |part: &str| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
        gzip && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{Assembly, Fragment, takes_gzip};

    #[test]
    fn fragments_make_one_gzip_member() {
        let parts = ["", "<p>Ærlig talt</p>", &"<li>a book</li>".repeat(5000), "x"].map(str::to_owned);
        // Hardly compressible, so that the buffer has to grow.
        let noise: String = (0_u32..30_000)
            .map(|n| char::from(33 + (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 90))
            .collect();
        let fragments: Vec<_> = parts.into_iter().chain([noise]).map(Fragment::new).collect();
        let build = |gzip| {
            let mut page = Assembly::new(gzip, 0);
            fragments.iter().for_each(|fragment| page.push(fragment));
            page.finish()
        };
        let (plain, gzip) = (build(false), build(true));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert!(plain == unpacked);
        assert!(gzip.len() < plain.len() / 2);
    }

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        let takes = |value: &str| {
            takes_gzip(
                &[("accept-encoding", value)]
                    .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
                    .into_iter()
                    .collect(),
            )
        };
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("deflate,gzip"));
        assert!(!takes("") && !takes("br") && !takes("gzip;q=0") && !takes("gzip; q=0.0") && !takes("*;q=0"));
    }
}
