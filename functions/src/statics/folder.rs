use std::{
    fs::File,
    io::Read as _,
    path::{Component, Path, PathBuf},
};

use bytes::Bytes;
use http::HeaderValue;

/// The longest file that is shown: it is read whole.
const MOST_BYTES: u64 = 16 << 20;

/// A file below a folder, by the path of an address. None if there is none, or it is none of the folder's own: hidden, behind a
/// link that leads out, or too long.
pub(super) async fn read(folder: PathBuf, address: String) -> Option<(&'static str, Bytes, HeaderValue)> {
    let path = decoded(&address)?;
    let read = tokio::task::spawn_blocking(move || {
        let bytes = within(&folder, Path::new(&path))?;
        let etag = etag(&bytes);
        Some((content_type(&path), Bytes::from(bytes), etag))
    });
    read.await.ok().flatten()
}

fn within(folder: &Path, path: &Path) -> Option<Vec<u8>> {
    let own = |part: Component<'_>| match part {
        Component::Normal(part) => !part.to_string_lossy().starts_with('.'),
        _ => false,
    };
    if !path.components().all(own) {
        return None;
    }
    let folder = folder.canonicalize().ok()?;
    let path = folder.join(path).canonicalize().ok()?;
    if !path.starts_with(&folder) {
        return None;
    }
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    // A pipe would be read for ever.
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The path that an address stands for (RFC 3986, section 2.1), if it is one of files.
fn decoded(address: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &rest[2..];
    }
    let path = String::from_utf8(bytes).ok()?;
    let plain = !path.contains(['\0', '\\']) && path.split('/').all(|part| !part.is_empty());
    plain.then_some(path)
}

/// A strong tag: other contents have another one.
pub(super) fn etag(bytes: &[u8]) -> HeaderValue {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let digits: String = hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{digits}\"")).expect("hexadecimal digits and quotes")
}

/// By the name's ending; what is unknown is to be saved and not shown.
pub(super) fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/vnd.microsoft.icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
