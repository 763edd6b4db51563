//! Pieces of a page that are compressed once and sent many times.
//!
//! A deflate stream may be put together from parts that do not refer to each other, and the check sum of the
//! whole follows from those of its parts (RFC 1951, RFC 1952). So a page whose parts are all known is never
//! compressed anew.

use std::{
    collections::VecDeque,
    convert::Infallible,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use http_body::{Frame, SizeHint};

/// What is longer, in bytes, is not copied into a page: the page's body refers to it.
const LONG: usize = 4096;

/// Some HTML, plain and deflated.
#[derive(Debug)]
pub(crate) struct Fragment {
    html: Bytes,
    /// Ends on a byte's edge, without a last block.
    deflated: Bytes,
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
        std::str::from_utf8(&self.html).expect("it was made of a string")
    }
}

/// A page that is being put together, and then its body.
pub(crate) struct Assembly {
    pieces: VecDeque<Bytes>,
    /// Short fragments, one behind the other.
    short: Vec<u8>,
    gzip: Option<Crc>,
}

impl Assembly {
    pub(crate) fn new(gzip: bool) -> Self {
        let mut short = Vec::with_capacity(LONG);
        if gzip {
            // Magic number, deflate, no flags, no time, any level, any system.
            short.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        }
        Self { pieces: VecDeque::with_capacity(4), short, gzip: gzip.then(Crc::new) }
    }

    pub(crate) fn push(&mut self, fragment: &Fragment) {
        let bytes = match &mut self.gzip {
            None => &fragment.html,
            Some(crc) => {
                crc.combine(&fragment.crc);
                &fragment.deflated
            }
        };
        if bytes.len() <= LONG {
            self.short.extend_from_slice(bytes);
        } else {
            self.end_short();
            self.pieces.push_back(bytes.clone());
        }
    }

    pub(crate) fn finish(mut self) -> Body {
        if let Some(crc) = &self.gzip {
            // An empty last block, then the check sum and the length.
            let (sum, amount) = (crc.sum().to_le_bytes(), crc.amount().to_le_bytes());
            self.short.extend([3, 0].into_iter().chain(sum).chain(amount));
        }
        self.end_short();
        Body::new(self)
    }

    fn end_short(&mut self) {
        if !self.short.is_empty() {
            self.pieces.push_back(mem::take(&mut self.short).into());
        }
    }
}

impl HttpBody for Assembly {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum())
    }
}

/// Whether the browser takes gzip (RFC 9110, 12.5.3).
pub(crate) fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = |part: &str| {
            let weight = part.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("q"));
            weight.is_some_and(|(_, weight)| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        };
        gzip && !parts.any(refused)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::body::to_bytes;

    use super::{Assembly, Fragment, takes_gzip};

    #[tokio::test]
    async fn fragments_make_one_gzip_member() {
        let parts = ["", "<p>Ærlig talt</p>", &"<li>a book</li>".repeat(5000), "x"].map(str::to_owned);
        // Hardly compressible, so that the buffer has to grow.
        let noise: String = (0_u32..30_000)
            .map(|n| char::from(33 + (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 90))
            .collect();
        let fragments: Vec<_> = parts.into_iter().chain([noise]).map(Fragment::new).collect();
        let build = async |gzip| {
            let mut page = Assembly::new(gzip);
            fragments.iter().for_each(|fragment| page.push(fragment));
            to_bytes(page.finish(), usize::MAX).await.unwrap()
        };
        let (plain, gzip) = (build(false).await, build(true).await);
        assert_eq!(plain.len(), fragments.iter().map(|fragment| fragment.html().len()).sum::<usize>());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*gzip).read_to_end(&mut unpacked).unwrap();
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
        assert!(!takes("gzip;Q=0") && !takes("GZIP; Q=0.000") && takes("gzip;Q=0.001"));
    }
}
