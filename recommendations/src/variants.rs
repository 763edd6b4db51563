//! Comparing ways to choose: which reader is in which variant, and how the variants do. Pure: no transport, no SQL.

mod report;

use std::{fmt, str::FromStr};

use host::name::Name;

use service::stable::fnv1a;

pub use self::report::{Counts, LEAST_IMPRESSIONS, Share, share, summary};

/// So many variants may be compared at a time.
pub const MAX_VARIANTS: usize = 10;
/// The longest name of one.
const MAX_NAME: usize = 32;

/// What answers instead of the active model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chooser {
    /// The active model.
    Model,
    /// What many readers like.
    Popular,
    /// What resembles the books that the reader likes.
    Content,
    /// Chance.
    Random,
}

/// One way to choose, for some of the readers. What is not set is as configured for all.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name: up to 32 lower-case letters, digits and hyphens.
    pub name: String,
    /// Readers are divided in proportion to the weights.
    pub weight: u32,
    /// What answers.
    pub chooser: Option<Chooser>,
    /// From 0, only relevance, to 1, as much variety as possible.
    pub diversity: Option<f32>,
    /// The share of places that are filled at random.
    pub exploration: Option<f32>,
    /// Whose order is shown.
    pub order: Option<Order>,
}

/// Whose order of what was chosen is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The model's own.
    Model,
    /// That of a ranker of the shop's.
    Ranker(Name),
}

/// The variants that are compared; none: nothing is.
///
/// Written as `control=50 varied=50:diversity=0.3,exploration=0.05 many=10:choose=popular`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variants(Vec<Variant>);

/// Why a text names no variants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariantsError {
    /// Not `NAME=WEIGHT` or `NAME=WEIGHT:SETTING=VALUE,…`.
    #[error(
        "{0:?} is not NAME=WEIGHT[:choose=model|popular|content|random,diversity=SHARE,exploration=SHARE,ranker=NAME|none]"
    )]
    Form(String),
    /// A name that cannot be one.
    #[error("{0:?} is not a name of up to 32 lower-case letters, digits and hyphens")]
    Name(String),
    /// A name that occurs twice.
    #[error("{0:?} is named twice")]
    Twice(String),
    /// A comparison of one, or of too many.
    #[error("a comparison needs 2 to {MAX_VARIANTS} variants, not {0}")]
    Count(usize),
}

impl Variants {
    /// All of them, in the order in which they are configured.
    #[must_use]
    pub fn all(&self) -> &[Variant] {
        &self.0
    }

    /// The variant that a reader is in: always the same while names and weights are. A change of one weight moves no more
    /// readers than it must between variants with hash values beside each other.
    #[must_use]
    pub fn of(&self, reader: u32) -> Option<&Variant> {
        let total: u64 = self.0.iter().map(|variant| u64::from(variant.weight)).sum();
        let names = self.0.iter().flat_map(|variant| variant.name.bytes().chain([0]));
        let mut place = (u128::from(hash(names.chain(reader.to_le_bytes()))) * u128::from(total)) >> 64;
        self.0.iter().find(|variant| {
            let weight = u128::from(variant.weight);
            let found = place < weight;
            place = place.wrapping_sub(weight);
            found
        })
    }
}

/// FNV-1a with a finish that spreads the last bytes (as in MurmurHash3).
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mut hash = fnv1a(bytes);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

impl FromStr for Variants {
    type Err = VariantsError;

    fn from_str(text: &str) -> Result<Self, VariantsError> {
        let variants: Vec<Variant> =
            text.split_whitespace().map(str::parse).collect::<Result<_, VariantsError>>()?;
        if variants.len() == 1 || variants.len() > MAX_VARIANTS {
            return Err(VariantsError::Count(variants.len()));
        }
        for (place, variant) in variants.iter().enumerate() {
            if variants[..place].iter().any(|other| other.name == variant.name) {
                return Err(VariantsError::Twice(variant.name.clone()));
            }
        }
        Ok(Self(variants))
    }
}

impl FromStr for Variant {
    type Err = VariantsError;

    fn from_str(text: &str) -> Result<Self, VariantsError> {
        let form = || VariantsError::Form(text.to_owned());
        let (name, rest) = text.split_once('=').ok_or_else(form)?;
        if !is_name(name) {
            return Err(VariantsError::Name(name.to_owned()));
        }
        let (weight, settings) = rest.split_once(':').unwrap_or((rest, ""));
        let weight =
            weight.parse().ok().filter(|weight| (1..=1_000_000).contains(weight)).ok_or_else(form)?;
        let mut variant = Self {
            name: name.to_owned(),
            weight,
            chooser: None,
            diversity: None,
            exploration: None,
            order: None,
        };
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let share = |value: &str| value.parse().ok().filter(|share| (0.0..=1.0).contains(share));
            match setting.split_once('=').ok_or_else(form)? {
                ("choose", "model") => variant.chooser = Some(Chooser::Model),
                ("choose", "popular") => variant.chooser = Some(Chooser::Popular),
                ("choose", "content") => variant.chooser = Some(Chooser::Content),
                ("choose", "random") => variant.chooser = Some(Chooser::Random),
                ("diversity", value) => variant.diversity = Some(share(value).ok_or_else(form)?),
                ("exploration", value) => variant.exploration = Some(share(value).ok_or_else(form)?),
                ("ranker", "none") => variant.order = Some(Order::Model),
                ("ranker", name) => variant.order = Some(Order::Ranker(name.parse().map_err(|_| form())?)),
                _ => return Err(form()),
            }
        }
        Ok(variant)
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The name of one answer, which says for whom and by which variant it was made: whoever reports a click need not know, and
/// nothing is kept of answers that nobody reports on.
///
/// Written as `RANDOM-READER` or `RANDOM-READER-VARIANT`, the numbers in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecommendationId {
    /// Makes it the only one.
    pub random: u64,
    /// For whom; 0: somebody of whom nothing is known.
    pub reader: u32,
    /// Which variant answered.
    pub variant: Option<String>,
}

impl fmt::Display for RecommendationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{:x}", self.random, self.reader)?;
        match &self.variant {
            Some(variant) => write!(formatter, "-{variant}"),
            None => Ok(()),
        }
    }
}

impl RecommendationId {
    /// What [`fmt::Display`] wrote; `None` if it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (random, reader) = (parts.next()?, parts.next()?);
        let id = Self {
            random: u64::from_str_radix(random, 16).ok()?,
            reader: u32::from_str_radix(reader, 16).ok()?,
            variant: parts.next().map(str::to_owned),
        };
        (id.variant.as_deref().is_none_or(is_name) && id.to_string() == text).then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::{Chooser, RecommendationId, Variants, VariantsError};

    #[test]
    fn readers_are_divided_by_weight_and_stay_where_they_are() {
        let variants: Variants = "control=60 varied=30:diversity=0.3 many=10:choose=content".parse().unwrap();
        let name = |reader| variants.of(reader).unwrap().name.clone();
        let mut counts = std::collections::BTreeMap::<String, u32>::new();
        for reader in 1..=10_000 {
            *counts.entry(name(reader)).or_default() += 1;
        }
        for (variant, expected) in [("control", 6_000), ("varied", 3_000), ("many", 1_000)] {
            assert!(counts[variant].abs_diff(expected) < 200, "{counts:?}");
        }
        assert!((1..100).all(|reader| name(reader) == name(reader)));
        assert_eq!(variants.all()[2].chooser, Some(Chooser::Content));
        assert_eq!(variants.all()[1].diversity, Some(0.3));
        assert!(Variants::default().of(1).is_none());
        assert_eq!("".parse(), Ok(Variants::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, wrong) in [
            ("one=50", VariantsError::Count(1)),
            ("a=1 a=1", VariantsError::Twice("a".to_owned())),
            ("A=1 b=1", VariantsError::Name("A".to_owned())),
            ("a b=1", VariantsError::Form("a".to_owned())),
            ("a=0 b=1", VariantsError::Form("a=0".to_owned())),
            ("a=1:diversity=2 b=1", VariantsError::Form("a=1:diversity=2".to_owned())),
            ("a=1:choose=luck b=1", VariantsError::Form("a=1:choose=luck".to_owned())),
        ] {
            assert_eq!(text.parse::<Variants>(), Err(wrong), "{text}");
        }
    }

    #[test]
    fn an_id_says_for_whom_it_was() {
        for variant in [None, Some("a-b".to_owned())] {
            let id = RecommendationId { random: 0xab, reader: 1_000_000_000, variant };
            assert_eq!(RecommendationId::parse(&id.to_string()), Some(id));
        }
        for bad in [
            "",
            "x",
            "00000000000000ab",
            "ab-1",
            "00000000000000ab-1-",
            "00000000000000ab-01",
            "00000000000000ab-1-X",
        ] {
            assert_eq!(RecommendationId::parse(bad), None, "{bad}");
        }
    }
}
