//! All numbers that a training may choose, by name, as an artefact's manifest lists them.

use super::{
    Als, Content, Ease, Interaction, Interactions, Knn, Opinion, Says, Slim,
    gram::Weights,
    knn::{Choice, Likeness},
};

/// What every model is fitted with. [`Parameters::of`] is where the choice on held-out ratings begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// What counts besides readers, for [`Self::slim`] and [`Self::ease`].
    pub weights: Weights,
    /// For SLIM, alone and in the blend.
    pub slim: Slim,
    /// For EASE, alone and in the blend.
    pub ease: Ease,
    /// For ALS.
    pub als: Als,
    /// For nearest neighbours by BM25.
    pub bm25: Knn,
    /// For nearest neighbours by cosine.
    pub cosine: Knn,
    /// For likeness by content.
    pub content: Content,
    /// For the blend.
    pub blend: Shares,
    /// For popularity: after so many days a rating counts half, where its age is known. 0: all count the same.
    pub half_life: f32,
    /// What a history's events say.
    pub says: Says,
}

/// What each model adds to the blend; one of share 0 is not fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// SLIM's.
    pub slim: f32,
    /// EASE's.
    pub ease: f32,
    /// That of neighbours by BM25.
    pub bm25: f32,
    /// That of neighbours by cosine.
    pub cosine: f32,
    /// That of content, for books that nobody has rated; see [`Self::known`].
    pub content: f32,
    /// How much being popular adds to a score, for the most popular book; where there is too little to learn taste from.
    pub popular: f32,
    /// With so many readers, a book's content counts half.
    pub known: f32,
    /// How many weights a book keeps.
    pub depth: usize,
}

/// How many readers a book has where the defaults were found: 3,000 readers of 2,973 books.
const READERS: f32 = 71.0;

impl Parameters {
    /// The defaults for data of this size: what is counted in readers grows with the mean number of readers of a book.
    #[must_use]
    pub fn of(data: &Interactions) -> Self {
        let rated = (0..data.books()).filter(|&book| !data.by_book().row(book).0.is_empty()).count();
        Self::for_size(data.len(), rated)
    }

    /// The same before there are [`Interactions`].
    #[must_use]
    pub fn of_rows(books: usize, rows: &[Interaction]) -> Self {
        let mut rated = vec![false; books];
        let mut positives = 0;
        for row in rows.iter().filter(|row| Opinion::of(row.stars) == Opinion::Positive) {
            positives += 1;
            if let Some(rated) = rated.get_mut(row.book as usize) {
                *rated = true;
            }
        }
        Self::for_size(positives, rated.into_iter().filter(|rated| *rated).count())
    }

    /// The same for so many positives on so many books.
    #[must_use]
    pub fn for_size(positives: usize, rated: usize) -> Self {
        let scale = (positives as f32 / rated.max(1) as f32 / READERS).max(0.01);
        let mut parameters = Self::default();
        let Self { weights, slim, ease, .. } = &mut parameters;
        for in_readers in [
            &mut weights.author,
            &mut weights.series,
            &mut weights.subjects,
            &mut slim.l1,
            &mut slim.l2,
            &mut ease.lambda,
        ] {
            *in_readers *= scale;
        }
        parameters
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            weights: Weights { reader_power: 0.0, author: 4.0, series: 6.0, subjects: 20.0 },
            slim: Slim::default(),
            ease: Ease::default(),
            als: Als::default(),
            bm25: Knn {
                likeness: Likeness::Bm25 { k1: 1.2, b: 0.75 },
                depth: 5,
                choice: Choice::Recommended,
            },
            cosine: Knn { likeness: Likeness::Cosine, depth: 5, choice: Choice::Recommended },
            content: Content::default(),
            blend: Shares::default(),
            half_life: 180.0,
            says: Says::default(),
        }
    }
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            slim: 1.0,
            ease: 0.0,
            bm25: 0.0,
            cosine: 0.0,
            content: 0.05,
            popular: 0.0,
            known: 0.5,
            depth: 200,
        }
    }
}

impl Shares {
    /// Of popularity alone.
    pub(crate) fn of_popularity(self) -> Self {
        Self { slim: 0.0, ease: 0.0, bm25: 0.0, cosine: 0.0, content: 0.0, popular: 1.0, ..self }
    }

    /// Whether nothing but popularity has a share.
    pub(super) fn is_popularity(&self) -> bool {
        let others = [self.slim, self.ease, self.bm25, self.cosine, self.content];
        self.popular > 0.0 && others.iter().all(|share| *share <= 0.0)
    }
}

/// There is no such parameter, or it cannot take this value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} = {value}: no parameter takes this")]
pub struct ParameterError {
    name: String,
    value: f64,
}

impl Parameters {
    /// All by name, in order.
    #[must_use]
    pub fn list(&self) -> Vec<(&'static str, f64)> {
        let mut copy = self.clone();
        copy.all().into_iter().map(|(name, place)| (name, place.get())).collect()
    }

    /// One by its name; 0 if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> f64 {
        self.list().into_iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| value)
    }

    /// Sets one by its name.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or the value is negative or not finite.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), ParameterError> {
        let place = self.all().into_iter().find(|(known, _)| *known == name);
        match place {
            Some((_, place)) if value.is_finite() && value >= 0.0 => place.set(value),
            _ => return Err(ParameterError { name: name.to_owned(), value }),
        }
        Ok(())
    }

    fn all(&mut self) -> Vec<(&'static str, Place<'_>)> {
        let Self { weights, slim, ease, als, bm25, cosine, content, blend, half_life, says } = self;
        let mut all = vec![
            ("reader_power", Place::Number(&mut weights.reader_power)),
            ("author", Place::Number(&mut weights.author)),
            ("series", Place::Number(&mut weights.series)),
            ("subjects", Place::Number(&mut weights.subjects)),
            ("slim.l1", Place::Number(&mut slim.l1)),
            ("slim.l2", Place::Number(&mut slim.l2)),
            ("slim.l2_share", Place::Number(&mut slim.l2_share)),
            ("slim.depth", Place::Count(&mut slim.depth)),
            ("ease.lambda", Place::Number(&mut ease.lambda)),
            ("ease.lambda_share", Place::Number(&mut ease.lambda_share)),
            ("ease.depth", Place::Count(&mut ease.depth)),
            ("als.factors", Place::Count(&mut als.factors)),
            ("als.regularization", Place::Number(&mut als.regularization)),
            ("als.confidence", Place::Number(&mut als.confidence)),
            ("als.iterations", Place::Count(&mut als.iterations)),
            ("als.steps", Place::Count(&mut als.steps)),
            ("bm25.depth", Place::Count(&mut bm25.depth)),
            ("bm25.choice", Place::Choice(&mut bm25.choice)),
        ];
        if let Likeness::Bm25 { k1, b } = &mut bm25.likeness {
            all.push(("bm25.k1", Place::Number(k1)));
            all.push(("bm25.b", Place::Number(b)));
        }
        all.extend([
            ("cosine.depth", Place::Count(&mut cosine.depth)),
            ("cosine.choice", Place::Choice(&mut cosine.choice)),
            ("content.author", Place::Number(&mut content.author)),
            ("content.series", Place::Number(&mut content.series)),
            ("content.subject", Place::Number(&mut content.subject)),
            ("content.foreign", Place::Number(&mut content.foreign)),
            ("content.depth", Place::Count(&mut content.depth)),
            ("blend.slim", Place::Number(&mut blend.slim)),
            ("blend.ease", Place::Number(&mut blend.ease)),
            ("blend.bm25", Place::Number(&mut blend.bm25)),
            ("blend.cosine", Place::Number(&mut blend.cosine)),
            ("blend.content", Place::Number(&mut blend.content)),
            ("blend.popular", Place::Number(&mut blend.popular)),
            ("blend.known", Place::Number(&mut blend.known)),
            ("blend.depth", Place::Count(&mut blend.depth)),
            ("popular.half_life", Place::Number(half_life)),
            ("says.wanted", Place::Number(&mut says.wanted)),
            ("says.negative", Place::Number(&mut says.negative)),
        ]);
        all
    }
}

enum Place<'a> {
    Number(&'a mut f32),
    Count(&'a mut usize),
    /// 0: the book read chooses, 1: the book recommended.
    Choice(&'a mut Choice),
}

impl Place<'_> {
    fn get(&self) -> f64 {
        match self {
            // Through text, so that 0.3 is listed as 0.3.
            Self::Number(number) => number.to_string().parse().unwrap_or(f64::from(**number)),
            Self::Count(count) => **count as f64,
            Self::Choice(choice) => f64::from(u8::from(**choice == Choice::Recommended)),
        }
    }

    fn set(self, value: f64) {
        match self {
            Self::Number(number) => *number = value as f32,
            Self::Count(count) => *count = value as usize,
            Self::Choice(choice) if value >= 0.5 => *choice = Choice::Recommended,
            Self::Choice(choice) => *choice = Choice::Read,
        }
    }
}
