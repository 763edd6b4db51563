use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::{MAX_PICTURE, Trouble};

/// What somebody has sent.
#[derive(Debug, Default)]
pub(super) struct Upload {
    /// The name of the chosen function.
    pub(super) function: String,
    /// `None`: no file was chosen.
    pub(super) picture: Option<Bytes>,
    /// There was a file, which is longer than a picture may be.
    pub(super) too_long: bool,
    /// The result whose picture is meant where there is no other one.
    pub(super) same: Option<String>,
}

/// The longest field but the picture, in bytes.
const MAX_FIELD: u64 = 256;

impl Upload {
    /// Reads a form to its end, even if its picture is too long: a browser that is cut off while it sends shows no answer.
    pub(super) async fn read(request: &HeaderMap, body: Body) -> Result<Self, Trouble> {
        let said = request.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let boundary =
            said.and_then(|kind| multer::parse_boundary(kind).ok()).ok_or(Trouble::NothingChosen)?;
        // How long the whole may be is bounded for all requests, and how long a picture may be, below.
        let limits = SizeLimit::new().per_field(MAX_FIELD).for_field("picture", u64::MAX);
        let limits =
            Constraints::new().allowed_fields(vec!["function", "picture", "same"]).size_limit(limits);
        let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
        let mut upload = Self::default();
        while let Some(field) = form.next_field().await.map_err(|_| Trouble::Broken)? {
            match field.name() {
                Some("function") => upload.function = field.text().await.map_err(|_| Trouble::Broken)?,
                Some("same") => upload.same = Some(field.text().await.map_err(|_| Trouble::Broken)?),
                _ => match whole(field).await? {
                    Some(bytes) if bytes.is_empty() => {}
                    Some(bytes) => upload.picture = Some(bytes),
                    None => upload.too_long = true,
                },
            }
        }
        Ok(upload)
    }
}

/// Reads on although nothing comes of it, for the same reason.
pub(super) async fn drain(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// `None` if it is longer than a picture may be.
async fn whole(mut field: Field<'_>) -> Result<Option<Bytes>, Trouble> {
    let mut bytes = BytesMut::new();
    let mut fits = true;
    while let Some(piece) = field.chunk().await.map_err(|_| Trouble::Broken)? {
        fits &= bytes.len() + piece.len() <= MAX_PICTURE;
        if fits {
            bytes.extend_from_slice(&piece);
        } else {
            bytes = BytesMut::new();
        }
    }
    Ok(fits.then(|| bytes.freeze()))
}
