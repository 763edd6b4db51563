use serde::de::IgnoredAny;

/// The bytes as text, if it is JSON. Nothing is built of it: that would take many times its memory.
///
/// # Errors
///
/// Why it is none.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| error.to_string())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn json_is_told_from_what_is_none() {
        for good in ["{\"a\":[1,2.50,null,\"x\"]}", " [] ", "\"é\"", "-1e3"] {
            assert_eq!(text(good.as_bytes()), Ok(good));
        }
        for bad in [&b""[..], b"{", b"[1,]", b"{} {}", b"{a:1}", b"01", b"\"a\nb\"", b"\"\xff\"", b"\xff"] {
            assert!(text(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn nothing_is_too_deep() {
        let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
        assert!(text(&deep).is_ok() && text(&deep[1..]).is_err());
    }
}
