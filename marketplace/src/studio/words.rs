//! What a function says of a picture, as plain text, whatever it was written in.

use super::essence;
use crate::functions::cut;

/// What a function says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// Without a tag, and cut where it is too long.
    pub(crate) text: String,
    /// What the first link in it was about: what the picture shows, in the answer of `classify`.
    pub(crate) label: Option<String>,
    /// Whether lines and spaces mean something, as in JSON.
    pub(crate) exact: bool,
}

/// How much of an answer is looked at, in bytes: more than enough for what is shown.
const MOST_READ: usize = 16 << 10;
/// The longest text that is shown, in characters.
const LONGEST: usize = 2_000;
/// The longest label, in characters: what can be searched for.
const LONGEST_LABEL: usize = 100;

impl Words {
    /// `None` if the answer is no text.
    pub(crate) fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        let kind = essence(content_type);
        let text = std::str::from_utf8(body).ok()?;
        let text = &text[..text.floor_char_boundary(MOST_READ)];
        let words = match kind.as_str() {
            "text/html" | "application/xhtml+xml" => Self::of_html(text),
            kind if kind == "application/json" || kind.ends_with("+json") => {
                Self { text: shown(text, Space::All), label: None, exact: true }
            }
            kind if kind.starts_with("text/") => {
                Self { text: shown(text, Space::Lines), label: None, exact: false }
            }
            _ => return None,
        };
        Some(words).filter(|words| !words.text.is_empty())
    }

    fn of_html(html: &str) -> Self {
        let (mut text, mut label) = (String::new(), None);
        let mut link: Option<usize> = None;
        let mut rest = html;
        while let Some((before, tag, after)) = next_tag(rest) {
            decode(before, &mut text);
            rest = after;
            let name: String = tag.chars().take_while(|letter| !letter.is_whitespace()).collect();
            match name.to_ascii_lowercase().as_str() {
                "a" if label.is_none() => link = Some(text.len()),
                "/a" => {
                    if let Some(start) = link.take().filter(|_| label.is_none()) {
                        let about = cut(&shown(&text[start..], Space::One), LONGEST_LABEL);
                        label = Some(about).filter(|label| !label.is_empty());
                    }
                }
                // What is in them is no text.
                name @ ("script" | "style" | "template" | "title") => {
                    let end = format!("</{name}");
                    let found = rest.to_ascii_lowercase().find(&end);
                    rest = found.map_or("", |at| &rest[at..]);
                }
                "br" | "p" | "/p" | "div" | "/div" | "li" | "tr" | "br/" => text.push('\n'),
                _ => {}
            }
        }
        decode(rest, &mut text);
        Self { text: shown(&text, Space::Lines), label, exact: false }
    }
}

/// What stands before the first tag, the tag without its brackets, and what comes after it. A tag that does not end has nothing
/// after it.
fn next_tag(html: &str) -> Option<(&str, &str, &str)> {
    let is_tag = |at: &usize| {
        let next = html.as_bytes().get(at + 1);
        next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?'))
    };
    let start = html.match_indices('<').map(|(at, _)| at).find(is_tag)?;
    let tag = &html[start + 1..];
    if let Some(comment) = tag.strip_prefix("!--") {
        let (_, after) = comment.split_once("-->").unwrap_or(("", ""));
        return Some((&html[..start], "!--", after));
    }
    let mut quote = None;
    let end = tag.char_indices().find(|(_, letter)| {
        match (quote, letter) {
            (None, '>') => return true,
            (None, '"' | '\'') => quote = Some(*letter),
            (Some(open), close) if open == *close => quote = None,
            _ => {}
        }
        false
    });
    let end = end.map_or(tag.len(), |(end, _)| end);
    Some((&html[..start], &tag[..end], tag.get(end + 1..).unwrap_or_default()))
}

/// Puts the characters in place of what stands for them. What is decoded is text and never looked at for tags again.
fn decode(html: &str, text: &mut String) {
    /// The longest that is known, `&#1114111;`.
    const LONGEST: usize = 10;
    let mut rest = html;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(LONGEST).position(|byte| byte == b';');
        match end.and_then(|end| Some((character(&rest[1..end])?, end))) {
            Some((found, end)) => {
                text.push(found);
                rest = &rest[end + 1..];
            }
            None => {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
}

fn character(name: &str) -> Option<char> {
    let number = |digits: &str, base| u32::from_str_radix(digits, base).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => match name.strip_prefix('#')?.split_at_checked(1)? {
            ("x" | "X", digits) => number(digits, 16),
            _ => number(&name[1..], 10),
        },
    }
}

/// What stays of lines and spaces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    /// All of them, as in JSON.
    All,
    /// Lines, with one space between words.
    Lines,
    /// One space between words.
    One,
}

/// As it can be shown: nothing that moves a cursor or turns text around, no long gaps between lines, and not too much.
fn shown(text: &str, space: Space) -> String {
    let plain: String = text
        .chars()
        .map(|letter| if letter.is_control() && letter != '\n' { ' ' } else { letter })
        .filter(|letter| !is_directional(*letter))
        .collect();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if space == Space::One {
        return cut(&words(&plain), LONGEST);
    }
    let mut whole = String::new();
    for line in plain.trim().lines() {
        let line = if space == Space::All { line.trim_end().to_owned() } else { words(line) };
        if !line.is_empty() || !whole.ends_with("\n\n") {
            whole.push_str(&line);
            whole.push('\n');
        }
    }
    cut(whole.trim_end(), LONGEST)
}

/// Marks, embeddings, overrides and isolates of Unicode's bidirectional algorithm.
fn is_directional(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Words};

    fn html(text: &str) -> Words {
        Words::read("text/html; charset=utf-8", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_sentence_about_a_picture_is_text_and_what_it_shows() {
        let words = html(
            "It is very likely a <a href='https://search.example/?q=caf%C3%A9%20%26%20bar'>café &amp; bar</a> in the picture",
        );
        assert_eq!(words.text, "It is very likely a café & bar in the picture");
        assert_eq!(words.label.as_deref(), Some("café & bar"));
        assert_eq!(
            html("Nothing was recognised  in the picture").text,
            "Nothing was recognised in the picture"
        );
        assert_eq!(html("Nothing was recognised in the picture").label, None);
    }

    #[test]
    fn what_guests_write_is_never_a_tag() {
        for (written, text) in [
            ("<script>alert(1)</script>x", "x"),
            ("a<SCRIPT src=//evil.example>b</sCript >c", "ac"),
            ("<script>never ends", ""),
            ("a<img src=x onerror=alert(1)>b", "ab"),
            ("a<img alt='>' title=\">\">b", "ab"),
            ("a<img alt='never ends>b", "a"),
            ("a<!-- <b> -->b<!-- never ends", "ab"),
            ("1 < 2 &lt;b&gt; &#60;b&#x3e; &amp;lt;", "1 < 2 <b> <b> &lt;"),
            ("&#0; &#xd800; &bogus; &", "&#xd800; &bogus; &"),
            ("a<br>b<p>c</p>", "a\nb\nc"),
            ("a<b", "a"),
            ("\u{202e}turned\u{2066} around\u{7}", "turned around"),
        ] {
            let words = Words::read("text/html", format!("{written}!").as_bytes());
            let found = words.map(|words| words.text).unwrap_or_default();
            assert_eq!(found.trim_end_matches('!').trim_end(), text, "{written}");
        }
        assert_eq!(html("<a href=x><b></b></a> <a>two</a>").label.as_deref(), Some("two"));
        assert_eq!(html("<a>never ends").label, None);
    }

    #[test]
    fn other_text_stays_as_it_is_and_is_cut() {
        let json = Words::read("application/json", b"{\n  \"a\": \"<b>\"\n}\n").unwrap();
        assert_eq!((json.text.as_str(), json.exact), ("{\n  \"a\": \"<b>\"\n}", true));
        let plain = Words::read("TEXT/plain", "<b>é</b>\r\n\n\n\n\nend ".as_bytes()).unwrap();
        assert_eq!((plain.text.as_str(), plain.exact), ("<b>é</b>\n\nend", false));
        let long = Words::read("text/plain", "é".repeat(LONGEST + 1).as_bytes()).unwrap();
        assert_eq!(long.text, format!("{}…", "é".repeat(LONGEST)));
        for (kind, body) in [
            ("text/plain", &b"\xff"[..]),
            ("text/plain", b" \n"),
            ("", b"x"),
            ("image/svg+xml", b"<svg/>"),
            ("application/octet-stream", b"x"),
        ] {
            assert_eq!(Words::read(kind, body), None, "{kind}");
        }
    }
}
