use crate::{
    catalogue::Catalogue,
    config::PublicUrl,
    statics::{PREVIEW, SCRIPT, STYLE},
};

/// What surrounds every page: the head, the search field, the foot.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) title: String,
    pub(crate) description: String,
    /// The page's own address: absolute if the public one is known.
    pub(crate) canonical: String,
    /// The picture for previews. They need an absolute address, so there is none without a public one.
    pub(crate) image: Option<String>,
    /// `website`, or `book` for a page about one.
    pub(crate) kind: &'static str,
    /// Whether search engines may list it.
    pub(crate) listed: bool,
    /// What stands in the search field.
    pub(crate) query: String,
    /// Books and categories in stock, once they are known.
    pub(crate) stock: Option<(String, usize)>,
    pub(crate) style: &'static str,
    pub(crate) script: &'static str,
    /// Scheme and host of the public address.
    host: Option<String>,
}

impl Layout {
    pub(crate) fn new(
        title: String,
        path: String,
        public_url: Option<&PublicUrl>,
        catalogue: &Catalogue,
    ) -> Self {
        let host = public_url.map(|url| url.as_str().to_owned());
        let stocked = catalogue.stocked().count();
        Self {
            title,
            description: "Find a book by title, author, series or subject, or browse the shelves.".to_owned(),
            canonical: host.iter().cloned().chain([path]).collect(),
            image: host.as_ref().map(|host| format!("{host}{}", PREVIEW.address)),
            kind: "website",
            listed: true,
            query: String::new(),
            stock: (stocked > 0).then(|| (thousands(catalogue.books), stocked)),
            style: &STYLE.address,
            script: &SCRIPT.address,
            host,
        }
    }

    pub(crate) fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// For the page about one book.
    pub(crate) fn about_book(mut self) -> Self {
        self.kind = "book";
        self
    }

    /// For a page that search engines should not list.
    pub(crate) fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    pub(crate) fn query(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    pub(crate) fn absolute(&self) -> bool {
        self.host.is_some()
    }

    /// A path of this shop as others can ask for it, if the public address is known.
    pub(crate) fn address(&self, path: &str) -> Option<String> {
        self.host.as_ref().map(|host| format!("{host}{path}"))
    }
}

/// 12,345.
pub(crate) fn thousands(number: impl Into<i64>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + 4);
    if number < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
