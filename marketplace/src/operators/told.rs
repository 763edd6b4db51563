/// How long the next page may take to come, in seconds.
pub(super) const KEPT: u64 = 60;
/// The longest sentence, in characters.
const LONGEST: usize = 400;

/// What came of a form, for the page that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether it was done.
    pub(crate) done: bool,
    pub(crate) words: String,
}

impl Told {
    /// It was done.
    pub(crate) fn done(words: impl Into<String>) -> Self {
        Self { done: true, words: words.into() }
    }

    /// It was not done, or perhaps not.
    pub(crate) fn not_done(words: impl Into<String>) -> Self {
        Self { done: false, words: words.into() }
    }

    /// As a cookie holds it: letters, digits and `*-._+%`.
    pub(super) fn write(&self, now: u64) -> String {
        let words: String = self.words.chars().take(LONGEST).collect();
        let words: String = form_urlencoded::byte_serialize(words.as_bytes()).collect();
        format!("{now}.{}.{words}", u8::from(self.done))
    }

    pub(super) fn read(text: &str, now: u64) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (at, done, words) = (parts.next()?, parts.next()?, parts.next()?);
        let at: u64 = at.parse().ok()?;
        let (words, _) = form_urlencoded::parse(words.as_bytes()).next()?;
        (now.abs_diff(at) <= KEPT).then(|| Self { done: done == "1", words: words.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, LONGEST, Told};

    #[test]
    fn sentences_come_back_as_they_were_for_a_minute() {
        for told in [Told::done("Job 7 waits: 5 % – “blend”; a=b&c."), Told::not_done("No.")] {
            let text = told.write(1_000);
            assert!(
                text.bytes().all(|byte| byte.is_ascii_graphic() && !b";,\"\\ ".contains(&byte)),
                "{text}"
            );
            assert_eq!(Told::read(&text, 1_000 + KEPT), Some(told));
            assert_eq!(Told::read(&text, 1_001 + KEPT), None);
        }
        let long = Told::done("é".repeat(5_000)).write(0);
        assert_eq!(Told::read(&long, 0).unwrap().words.chars().count(), LONGEST);
        for bad in ["", "1", "1.1", "x.1.a"] {
            assert_eq!(Told::read(bad, 1), None, "{bad}");
        }
    }
}
