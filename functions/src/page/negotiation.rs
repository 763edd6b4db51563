use http::{HeaderMap, header};

/// Whether whoever asks would rather have a page than JSON: it names HTML, as browsers do (RFC 9110, 12.5.1). Who takes anything
/// gets JSON.
pub(crate) fn wants_page(request: &HeaderMap) -> bool {
    let (mut page, mut json) = (0.0, 0.0);
    let lines = request.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| {
            let (name, weight) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| weight.trim().parse::<f32>().unwrap_or(0.0))
        });
        match kind.as_str() {
            "text/html" | "application/xhtml+xml" => page = weight.unwrap_or(1.0).max(page),
            "application/json" => json = weight.unwrap_or(1.0).max(json),
            _ => {}
        }
    }
    page > json
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::wants_page;

    #[test]
    fn browsers_get_a_page_and_programs_json() {
        let wants = |accept: &'static str| {
            wants_page(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(wants("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"));
        assert!(wants("application/json;q=0.5, TEXT/html;q=0.9"));
        assert!(!wants("*/*") && !wants("application/json") && !wants("text/*") && !wants(""));
        assert!(!wants("text/html;q=0") && !wants("application/json, text/html"));
        assert!(!wants_page(&HeaderMap::new()));
    }
}
