//! What scores come to, in words.

use std::fmt::Write as _;

/// Where a label is searched for.
const SEARCH: &str = "https://www.google.com/search?q=";
/// The top score has to be above this to count as recognised.
const RECOGNISED: u8 = 50;

/// One sentence of HTML about the class of the highest score. Labels are one a line, the first for class 0.
pub fn about(scores: &[u8], labels: &str) -> String {
    // Of several that are as high, the first.
    let top = scores.iter().copied().enumerate().rev().max_by_key(|(_, score)| *score);
    let Some((class, score)) = top.filter(|(_, score)| *score > RECOGNISED) else {
        return "Nothing was recognised in the picture".to_owned();
    };
    let label = labels.lines().nth(class).map_or_else(|| format!("class {class}"), str::to_owned);
    let confidence = match score {
        201.. => "is very likely",
        126.. => "is likely",
        _ => "could be",
    };
    format!("It {confidence} a <a href='{SEARCH}{}'>{}</a> in the picture", in_url(&label), in_html(&label))
}

/// Percent-encoded, but for what RFC 3986 calls unreserved.
fn in_url(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => _ = write!(encoded, "%{byte:02X}"),
        }
    }
    encoded
}

fn in_html(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}
