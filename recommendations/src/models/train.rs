//! From interactions to a model that can be served.

use std::{fmt, str::FromStr};

use super::{
    Interactions, Items, Model, Parameters, Popularity, Run, Shares, Sparse, TrainError,
    blend::blend,
    gram::{DENSE_BOOKS, Gram},
    item_item::{ItemItem, words},
    model::Scorer,
};

/// Which algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sparse non-negative item–item weights by coordinate descent.
    Slim,
    /// Item–item weights in closed form, clipped and pruned.
    Ease,
    /// Matrix factorisation.
    Als,
    /// Nearest neighbours by BM25.
    KnnBm25,
    /// Nearest neighbours by cosine.
    KnnCosine,
    /// The same for all; recent ratings count more.
    Popular,
    /// Same author, series, subjects, language.
    Content,
    /// Several item–item models in one: what is served by default.
    #[default]
    Blend,
}

impl Kind {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Slim,
        Self::Ease,
        Self::Als,
        Self::KnnBm25,
        Self::KnnCosine,
        Self::Popular,
        Self::Content,
        Self::Blend,
    ];

    /// The names of all.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Its name on command lines and in artefacts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Slim => "slim",
            Self::Ease => "ease",
            Self::Als => "als",
            Self::KnnBm25 => "knn-bm25",
            Self::KnnCosine => "knn-cosine",
            Self::Popular => "popular",
            Self::Content => "content",
            Self::Blend => "blend",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// There is no model of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no model is called {0}; there are {names}", names = Kind::names())]
pub struct NoSuchKind(String);

impl FromStr for Kind {
    type Err = NoSuchKind;

    fn from_str(name: &str) -> Result<Self, NoSuchKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| NoSuchKind(name.to_owned()))
    }
}

/// Matrices that further trials with other parameters may begin from.
#[derive(Debug, Default)]
pub(crate) struct Warm {
    slim: Option<Sparse>,
}

/// Fits a model.
///
/// # Errors
///
/// If it is cancelled, there is no positive interaction, parameters make no sense, or facts about books are missing
/// where the model needs them.
pub fn train(
    kind: Kind,
    data: &Interactions,
    items: Option<&Items>,
    parameters: &Parameters,
    run: &Run,
) -> Result<Model, TrainError> {
    train_from(kind, data, items, parameters, &mut Warm::default(), run)
}

pub(crate) fn train_from(
    kind: Kind,
    data: &Interactions,
    items: Option<&Items>,
    parameters: &Parameters,
    warm: &mut Warm,
    run: &Run,
) -> Result<Model, TrainError> {
    if data.is_empty() && kind != Kind::Content {
        return Err(TrainError::Empty);
    }
    if items.is_some_and(|items| items.len() != data.books()) {
        return Err(TrainError::Parameters("facts are about as many books as there are"));
    }
    let scorer = match kind {
        Kind::Popular => Scorer::Popular,
        Kind::Als => {
            run.stage("factors");
            Scorer::Als(parameters.als.fit(data, run)?)
        }
        Kind::Slim => item_item(slim(data, items, parameters, warm, run)?),
        Kind::Ease => {
            run.stage("co-readers");
            let gram = Gram::new(data, items, parameters.weights, &run.part(0.0, 0.2))?;
            run.stage("weights in closed form");
            item_item(parameters.ease.fit(gram, &run.part(0.2, 1.0))?)
        }
        Kind::KnnBm25 => item_item(parameters.bm25.fit(data, run)?),
        Kind::KnnCosine => item_item(parameters.cosine.fit(data, run)?),
        Kind::Content => {
            let items = items.ok_or(TrainError::NoItems)?;
            let weights = parameters.content.fit(items, run)?;
            Scorer::ItemItem(ItemItem::new(weights, (0..data.books() as u32).collect(), 0.0))
        }
        Kind::Blend if parameters.blend.is_popularity() => Scorer::Popular,
        Kind::Blend => Scorer::ItemItem(mix(data, items, parameters, warm, run)?),
    };
    Ok(Model { scorer, popularity: Popularity::of(data, parameters.half_life), says: parameters.says })
}

fn item_item(weights: Sparse) -> Scorer {
    Scorer::ItemItem(ItemItem::new(weights, Vec::new(), 0.0))
}

fn slim(
    data: &Interactions,
    items: Option<&Items>,
    parameters: &Parameters,
    warm: &mut Warm,
    run: &Run,
) -> Result<Sparse, TrainError> {
    run.stage("co-readers");
    let gram = Gram::new(data, items, parameters.weights, &run.part(0.0, 0.1))?;
    run.stage("sparse weights");
    let weights = parameters.slim.fit(&gram, warm.slim.as_ref(), &run.part(0.1, 1.0))?;
    warm.slim = Some(weights.clone());
    Ok(weights)
}

/// Fits what has a share. Above [`DENSE_BOOKS`] EASE gives its share to SLIM, which then works on neighbourhoods.
fn mix(
    data: &Interactions,
    items: Option<&Items>,
    parameters: &Parameters,
    warm: &mut Warm,
    run: &Run,
) -> Result<ItemItem, TrainError> {
    let shares = parameters.blend;
    let mut parts: Vec<(Sparse, f32)> = Vec::new();
    if shares.slim > 0.0 || shares.ease > 0.0 {
        run.stage("co-readers");
        let gram = Gram::new(data, items, parameters.weights, &run.part(0.0, 0.1))?;
        let whole = data.books() <= DENSE_BOOKS;
        if shares.slim > 0.0 || !whole {
            run.stage("sparse weights");
            let weights = parameters.slim.fit(&gram, warm.slim.as_ref(), &run.part(0.1, 0.6))?;
            warm.slim = Some(weights.clone());
            parts.push((weights, shares.slim.max(f32::MIN_POSITIVE)));
        }
        if shares.ease > 0.0 && whole {
            run.stage("weights in closed form");
            parts.push((parameters.ease.fit(gram, &run.part(0.6, 0.8))?, shares.ease));
        }
    }
    run.stage("neighbours");
    if shares.bm25 > 0.0 {
        parts.push((parameters.bm25.fit(data, &run.part(0.8, 0.85))?, shares.bm25));
    }
    if shares.cosine > 0.0 {
        parts.push((parameters.cosine.fit(data, &run.part(0.85, 0.9))?, shares.cosine));
    }
    let parts: Vec<_> = parts.iter().map(|(part, share)| (part, *share)).collect();
    let mut weights = blend(&parts, shares.depth, run)?;
    let (mut by_content, mut alike) = (Vec::new(), Vec::new());
    if let Some(items) = items
        && shares.content > 0.0
    {
        run.stage("likeness by content");
        let content = parameters.content.fit(items, &run.part(0.9, 1.0))?;
        (weights, by_content, alike) = fill(data, &weights, &content, shares, run)?;
    }
    run.at(1, 1)?;
    Ok(ItemItem { alike, ..ItemItem::new(weights, by_content, shares.popular) })
}

/// Adds content to the weights of books with few readers. Also tells which rows are content alone, and, with a bit a weight,
/// which of the others are more content than readers; nothing where none is.
fn fill(
    data: &Interactions,
    weights: &Sparse,
    content: &Sparse,
    shares: Shares,
    run: &Run,
) -> Result<(Sparse, Vec<u32>, Vec<u32>), TrainError> {
    let mut rows = Vec::with_capacity(data.books());
    let (mut alone, mut alike) = (Vec::new(), Vec::new());
    let mut before = 0;
    // Another book, what readers say of the two, and what content does.
    let mut all: Vec<(u32, f32, f32)> = Vec::new();
    for book in 0..data.books() {
        run.check()?;
        let readers = data.by_book().row(book).0.len() as f32;
        let share = shares.content * shares.known / (shares.known + readers);
        all.clear();
        all.extend(weights.entries(book).map(|(other, value)| (other, value, 0.0)));
        // A content weight below this is not worth its place.
        let content = content.entries(book).map(|(other, value)| (other, 0.0, value * share));
        all.extend(content.filter(|it| it.2 > 1e-3));
        all.sort_by_key(|&(other, ..)| other);
        all.dedup_by(|later, first| {
            let same = later.0 == first.0;
            if same {
                first.1 += later.1;
                first.2 += later.2;
            }
            same
        });
        if readers == 0.0 {
            alone.push(book as u32);
        } else {
            for (place, (other, readers, content)) in (before..).zip(&all) {
                // Readers' weights are learnt from shared authors and series, too.
                if content > readers || !have_a_reader(data, book, *other as usize) {
                    alike.resize(alike.len().max(words(place + 1)), 0);
                    alike[place / 32] |= 1 << (place % 32);
                }
            }
        }
        before += all.len();
        rows.push(
            all.iter().map(|&(other, readers, content)| (other, readers + content)).collect::<Vec<_>>(),
        );
    }
    if !alike.is_empty() {
        alike.resize(words(before), 0);
    }
    Ok((Sparse::from_rows(data.books(), &rows), alone, alike))
}

/// Whether anybody knows both books, or so many know each that it goes without looking.
fn have_a_reader(data: &Interactions, one: usize, other: usize) -> bool {
    const MANY: usize = 50;
    let (one, other) = (data.by_book().row(one).0, data.by_book().row(other).0);
    let (few, more) = if one.len() < other.len() { (one, other) } else { (other, one) };
    few.len() >= MANY || few.iter().any(|reader| more.binary_search(reader).is_ok())
}
