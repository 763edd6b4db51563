use std::num::NonZeroU8;

/// All that is known of one reader and one book, in 12 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The book's number.
    pub book: i32,
    /// When this last changed, in seconds since 1970.
    pub changed: u32,
    /// How the reader liked it, if that was said.
    pub stars: Option<Stars>,
    /// Where it stands.
    pub shelf: Shelf,
    /// What else was said.
    pub marks: Marks,
}

/// Half stars: 1 to 10 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stars(NonZeroU8);

/// Where a reader has put a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Shelf {
    /// Nowhere.
    #[default]
    None = 0,
    /// Wants to read it: a weak positive, and it may still be recommended.
    WantToRead = 1,
    /// Is reading it.
    Reading = 2,
    /// Has read it.
    Read = 3,
    /// Has put it away unfinished.
    DidNotFinish = 4,
}

/// What may hold of a book for a reader, each or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Marks(u8);

impl Marks {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// It is not for this reader.
    pub const DISMISSED: Self = Self(1);
    /// The reader has it.
    pub const OWNED: Self = Self(2);
    /// It was read, or chosen in some other way.
    pub const INTERACTED: Self = Self(4);

    /// Reads back what [`Marks::bits`] wrote. Unknown bits are lost.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// A bit for each.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `marks` hold.
    #[must_use]
    pub fn has(self, marks: Self) -> bool {
        self.0 & marks.0 == marks.0
    }

    /// With `marks` set, or not.
    #[must_use]
    pub fn with(self, marks: Self, set: bool) -> Self {
        if set { Self(self.0 | marks.0) } else { Self(self.0 & !marks.0) }
    }
}

impl Entry {
    /// An entry that says nothing of this book yet.
    #[must_use]
    pub fn nothing(book: i32) -> Self {
        Self { book, ..Self::default() }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.stars.is_none() && self.shelf == Shelf::None && self.marks == Marks::NONE
    }

    /// Whether it says the same, whenever that changed.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { changed: 0, ..*self } == Self { changed: 0, ..*other }
    }

    /// Not for this reader.
    #[must_use]
    pub fn dismissed(&self) -> bool {
        self.marks.has(Marks::DISMISSED)
    }

    /// The reader has it.
    #[must_use]
    pub fn owned(&self) -> bool {
        self.marks.has(Marks::OWNED)
    }

    /// It was read, or chosen in some other way: an interaction without stars counts as liking.
    #[must_use]
    pub fn interacted(&self) -> bool {
        self.marks.has(Marks::INTERACTED)
    }

    /// Whether the book must not be recommended to this reader: read, being read, given up, rated, owned or dismissed. One
    /// that is only wanted may be.
    #[must_use]
    pub fn excludes(&self) -> bool {
        self.stars.is_some()
            || self.marks != Marks::NONE
            || !matches!(self.shelf, Shelf::None | Shelf::WantToRead)
    }
}

impl Stars {
    /// So many half stars, 1 to 10.
    #[must_use]
    pub fn from_halves(halves: u8) -> Option<Self> {
        NonZeroU8::new(halves).filter(|halves| halves.get() <= 10).map(Self)
    }

    /// 0.5 to 5 in halves; nothing else is stars.
    #[must_use]
    pub fn from_value(stars: f32) -> Option<Self> {
        // Exact: halves of small numbers have no rounding.
        (1..=10).find(|&halves| f32::from(halves) == stars * 2.0).and_then(Self::from_halves)
    }

    /// How many half stars.
    #[must_use]
    pub fn halves(self) -> u8 {
        self.0.get()
    }

    /// How many stars.
    #[must_use]
    pub fn value(self) -> f32 {
        f32::from(self.halves()) / 2.0
    }
}

impl Shelf {
    /// The shelf with this number, 0 to 4.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::None, Self::WantToRead, Self::Reading, Self::Read, Self::DidNotFinish]
            .get(usize::from(number))
            .copied()
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

const _: () = assert!(size_of::<Entry>() == 12, "the module's documentation says so");
