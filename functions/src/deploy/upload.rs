//! What is sent to deploy a function, by its `Content-Type`:
//!
//! - `application/wasm`: the module; the manifest stays as it is
//! - `application/toml`: the manifest, empty for none; the module stays as it is
//! - `multipart/form-data`: the parts `module` and `manifest`, one or both

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use multer::{Constraints, Multipart, SizeLimit};
use tokio::time::timeout;

use crate::{manifest, modules::Change, problem::Problem};

/// How long a module may be on its way.
const TIME: Duration = Duration::from_secs(120);
/// What stands around the parts of a form.
const FORM: u64 = 16 << 10;

/// Reads the body of a request.
///
/// # Errors
///
/// If it is of no such type, too long, too slow, or not what it says.
pub async fn read(request: &HeaderMap, body: Body, longest: usize) -> Result<Change, Problem> {
    let read = async {
        let said = request.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/wasm" => {
                let module = whole(body, longest).await?;
                Ok(Change { module: Some(module.into()), manifest: None })
            }
            "application/toml" => {
                let manifest = whole(body, manifest::MOST_BYTES).await?;
                Ok(Change { module: None, manifest: Some(text(manifest.into())?) })
            }
            "multipart/form-data" => form(said, body, longest).await,
            _ => Err(bad(
                "expected application/wasm, application/toml or multipart/form-data with the parts module and manifest",
            )),
        }
    };
    timeout(TIME, read).await.unwrap_or(Err(Problem::SlowBody(TIME)))
}

async fn whole(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::LongBody(limit)),
        Err(_) => Err(bad("the body did not come whole")),
    }
}

async fn form(said: &str, body: Body, longest: usize) -> Result<Change, Problem> {
    let boundary = multer::parse_boundary(said).map_err(|_| bad("multipart/form-data without a boundary"))?;
    let limits = SizeLimit::new()
        .whole_stream(longest as u64 + manifest::MOST_BYTES as u64 + FORM)
        .per_field(0)
        .for_field("module", longest as u64)
        .for_field("manifest", manifest::MOST_BYTES as u64);
    let parts = vec!["module", "manifest"];
    let limits = Constraints::new().allowed_fields(parts).size_limit(limits);
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let wrong = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { limit, .. } | multer::Error::StreamSizeExceeded { limit } => {
            Problem::LongBody(usize::try_from(limit).unwrap_or(usize::MAX))
        }
        multer::Error::UnknownField { .. } => bad("expected the parts module and manifest, and no other"),
        _ => bad("the form did not come whole"),
    };
    let mut change = Change::default();
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        let is_module = field.name() == Some("module");
        let bytes = field.bytes().await.map_err(wrong)?;
        let twice = match is_module {
            true => change.module.replace(bytes.into()).is_some(),
            false => change.manifest.replace(text(bytes.into())?).is_some(),
        };
        if twice {
            return Err(bad("one part was sent twice"));
        }
    }
    match (&change.module, &change.manifest) {
        (None, None) => Err(bad("expected a part called module or manifest")),
        _ => Ok(change),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|_| bad("the manifest is no UTF-8 text"))
}

fn bad(why: &str) -> Problem {
    Problem::BadInput(why.to_owned())
}
