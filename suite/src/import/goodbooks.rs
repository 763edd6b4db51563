use std::{fs::File, path::PathBuf, sync::Arc};

use clap::Args;
use recommendations::{
    import::readers::{Books, Format, GoodbooksBooks, Plan, goodbooks_books},
    store::Store,
};
use service::Failure;
use storage::Place;

use super::{failure, files, ratings, ratings::Target};

/// A folder of goodbooks-10k's files.
#[derive(Args, Debug)]
pub(crate) struct Goodbooks {
    /// The folder with books.csv and ratings.csv
    folder: PathBuf,
    /// The ratings: user_id, book_id, rating [default: ratings.csv in the folder]
    #[arg(long, value_name = "FILE")]
    ratings: Option<PathBuf>,
    /// The books' categories: item_id and genres35 like fantasy:0.9;classics:0.3 [default: genres35.csv in the folder, if
    /// it is there]
    #[arg(long, value_name = "FILE")]
    genres: Option<PathBuf>,
    /// Leave out books that the catalogue does not have, and their ratings
    #[arg(long)]
    match_only: bool,
    #[command(flatten)]
    target: Target,
}

impl Goodbooks {
    pub(super) async fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        let books_path = self.folder.join("books.csv");
        let ratings_path = self.ratings.unwrap_or_else(|| self.folder.join("ratings.csv"));
        let genres_path = self.genres.clone().unwrap_or_else(|| self.folder.join("genres35.csv"));
        let genres = match &self.genres {
            Some(path) => Some(files::open(path)?.0),
            None => File::open(&genres_path).ok().map(|file| Box::new(file) as _),
        };
        let (books_file, _) = files::open(&books_path)?;
        let (file, length) = files::open(&ratings_path)?;
        let errors = self.target.errors(&[&ratings_path, &books_path, &genres_path])?;
        let place = Place::new(self.target.database_url, data)?;
        let store = Store::connect(&place.database_url).await?;
        let told = |line, reason: &dyn std::error::Error| {
            eprintln!("{line}\t{}", service::chain(reason));
        };
        let books = goodbooks_books(books_file, genres, !self.match_only, &store, told).await;
        let name = books_path.display().to_string();
        let (numbers, report) = books.map_err(|error| failure(&name, &error))?;
        let GoodbooksBooks { matched, added, unmatched, wrong } = report;
        say!("{name}: {matched} found, {added} added, {unmatched} not in the catalogue, {wrong} wrong");
        let plan = Plan {
            format: Some(Format::Goodbooks(Arc::new(numbers))),
            reader: None,
            books: Arc::new(Books::default()),
            raw: errors.is_some(),
        };
        let outcome = ratings::store_all(&ratings_path, file, length, plan, errors, &store).await;
        store.close().await;
        say!("{}", outcome?);
        Ok(())
    }
}
