//! Interactions that are split into what a model may see and what it has to find: real ones, or generated ones where nothing is
//! judged.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
};

use csv_core::ReadFieldResult;
use recommendations::{
    evaluate::{self, HeldOut, Table, Trial},
    models::Facts,
};
use serde_json::json;

use crate::{failure::Failure, interactions::Size, ours::Binaries, process};

/// Files of one split.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) train: PathBuf,
    pub(crate) test: PathBuf,
    pub(crate) items: PathBuf,
    /// Categories of books, if there are any.
    genres: Option<PathBuf>,
    /// What scores a ranking independently of us.
    pub(crate) score: Option<PathBuf>,
}

/// As many as an import takes for a book.
const AUTHORS: usize = 20;
const SUBJECTS: usize = 50;
const CATEGORIES: usize = 8;

/// Of one book as files tell.
#[derive(Default)]
struct Item {
    title: String,
    year: Option<i32>,
}

impl Split {
    /// What to say where there is none.
    pub(crate) const ABSENT: &str = "needs goodbooks-3k in ../shared/data";

    /// goodbooks-3k, where it lies beside the checkout.
    pub(crate) fn goodbooks() -> Option<Self> {
        let shared = shared();
        let folder = shared.join("goodbooks-3k");
        let split = Self {
            train: folder.join("train.csv"),
            test: folder.join("test.csv"),
            items: folder.join("items.csv"),
            genres: Some(folder.join("genres35.csv")),
            score: Some(shared.join("score.py")),
        };
        split.train.is_file().then_some(split)
    }

    /// Real stars, of which a fifth of the rows is held out into files in `folder`, where they lie beside the checkout. Nothing is
    /// known of the books.
    pub(crate) fn stars(folder: &Path) -> Result<Option<Self>, Failure> {
        const HELD_OUT: HeldOut = HeldOut { key: 0x5354_4152, share: 0.2 };
        let sample = shared().join("goodbooks-10k-books/ratings_sample.csv");
        if !sample.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&sample);
        let text = text.map_err(Failure::file(format!("read {}", sample.display())))?;
        let head = "user_id,item_id,rating";
        let (train, mut learnt) = make(folder, "train.csv", head)?;
        let (test, mut hidden) = make(folder, "test.csv", head)?;
        // `user_id,book_id,rating`.
        for line in text.lines().skip(1) {
            let mut numbers = line.split(',').map_while(|field| field.parse::<i64>().ok());
            let (Some(reader), Some(book)) = (numbers.next(), numbers.next()) else {
                return Err(Failure::Said { what: sample.display().to_string(), said: line.to_owned() });
            };
            let file = if HELD_OUT.holds(reader, book) { &mut hidden } else { &mut learnt };
            writeln!(file, "{line}").map_err(Failure::file("write ratings"))?;
        }
        for file in [&mut learnt, &mut hidden] {
            file.flush().map_err(Failure::file("write a split"))?;
        }
        Ok(Some(Self { train, test, items: PathBuf::new(), genres: None, score: None }))
    }

    /// A small one in `folder`, whatever lies beside the checkout; scored if the script is there.
    pub(crate) fn generated(folder: &Path, size: Size) -> Result<Self, Failure> {
        let (train, mut learnt) = make(folder, "train.csv", "user_id,item_id")?;
        let (test, mut hidden) = make(folder, "test.csv", "user_id,item_id")?;
        let (items, mut facts) = make(folder, "items.csv", "item_id,authors,title,genres,language_code")?;
        for (reader, books) in (1..).zip(size.histories()) {
            for (place, book) in books.iter().enumerate() {
                let file = if place % 5 == 4 { &mut hidden } else { &mut learnt };
                writeln!(file, "{reader},{}", book + 1).map_err(Failure::file("write interactions"))?;
            }
        }
        for book in 1..=size.books {
            let line = format!("{book},Author {},Book {book},subject {},en", book % 37, book % 11);
            writeln!(facts, "{line}").map_err(Failure::file("write facts"))?;
        }
        for file in [&mut learnt, &mut hidden, &mut facts] {
            file.flush().map_err(Failure::file("write a split"))?;
        }
        let score = Self::goodbooks().and_then(|split| split.score);
        Ok(Self { train, test, items, genres: None, score })
    }

    /// As the models see it, with the numbers of readers and books.
    pub(crate) fn trial(&self) -> Result<(Table, Trial), Failure> {
        let mut table = Table::default();
        let train = evaluate::read_rows(open(&self.train)?, &mut table);
        let train = train.map_err(Failure::work("read what to learn"))?;
        let test = evaluate::read_rows(open(&self.test)?, &mut table);
        let test = test.map_err(Failure::work("read what to find"))?;
        let trial = Trial::new(table.readers.names().len(), table.books.names().len(), &train, &test);
        Ok((table, trial.map_err(Failure::work("put a trial together"))?))
    }

    /// A data folder whose catalogue are the books that occur in training, and whose readers have read what they did there.
    /// Nobody has given stars, as nobody has in the files.
    pub(crate) async fn store(
        &self,
        binaries: &Binaries,
        (table, trial): (&Table, &Trial),
        folder: &Path,
    ) -> Result<PathBuf, Failure> {
        let facts = evaluate::read_items(open(&self.items)?, &table.books);
        let facts = facts.map_err(Failure::work("read facts about books"))?;
        let items = self.titles()?;
        let genres = self.categories()?;
        let (books, ratings) = (folder.join("books.jsonl"), folder.join("ratings.csv"));
        let mut file = writer(&books)?;
        for (place, &id) in table.books.names().iter().enumerate() {
            if !trial.candidates[place] {
                continue;
            }
            let line = self::line(id, &facts[place], items.get(&id), genres.get(&id));
            writeln!(file, "{line}").map_err(Failure::file("write books"))?;
        }
        file.flush().map_err(Failure::file("write books"))?;
        let mut file = writer(&ratings)?;
        writeln!(file, "reader,book,interacted").map_err(Failure::file("write ratings"))?;
        for (reader, history) in table.readers.names().iter().zip(&trial.histories) {
            for event in history {
                let book = table.books.names()[event.book as usize];
                writeln!(file, "{reader},{book},true").map_err(Failure::file("write ratings"))?;
            }
        }
        file.flush().map_err(Failure::file("write ratings"))?;
        let data = folder.join("data");
        for (what, file, whole) in [("books", &books, " 0 rejected"), ("ratings", &ratings, " 0 not in the")]
        {
            let mut command = binaries.shelfwise(&["import", what]);
            command.arg(file).arg("--data").arg(&data);
            let said = process::output("shelfwise import", command).await?;
            // A part of the data would make other figures.
            if !said.contains(whole) {
                return Err(Failure::Said { what: format!("the import of {what}"), said });
            }
        }
        Ok(data)
    }

    /// Titles and years by number.
    fn titles(&self) -> Result<HashMap<i64, Item>, Failure> {
        let mut rows = csv(&self.items)?.into_iter();
        let head = rows.next().unwrap_or_default();
        let column = |name: &str| head.iter().position(|it| it == name);
        let (id, title, year) = (column("item_id"), column("title"), column("original_publication_year"));
        let field = |row: &[String], column: Option<usize>| {
            column.and_then(|column| row.get(column)).cloned().unwrap_or_default()
        };
        let item = |row: Vec<String>| {
            let year = field(&row, year).parse::<f64>().ok().map(|year| year as i32);
            Some((field(&row, id).parse().ok()?, Item { title: field(&row, title), year }))
        };
        Ok(rows.filter_map(item).collect())
    }

    /// The names of each book's categories, the best fit first.
    fn categories(&self) -> Result<HashMap<i64, Vec<String>>, Failure> {
        let Some(genres) = self.genres.as_deref().filter(|path| path.is_file()) else {
            return Ok(HashMap::new());
        };
        let names = |all: &str| -> Vec<String> {
            all.split(';')
                .filter_map(|genre| Some(genre.split(':').next()?.to_owned()))
                .take(CATEGORIES)
                .collect()
        };
        let row = |row: Vec<String>| Some((row.first()?.parse().ok()?, names(row.get(1)?)));
        Ok(csv(genres)?.into_iter().filter_map(row).collect())
    }
}

/// Where real data lies, beside the checkout.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

/// A CSV file in `folder` with its first line.
fn make(folder: &Path, name: &str, head: &str) -> Result<(PathBuf, BufWriter<File>), Failure> {
    let path = folder.join(name);
    let mut file = writer(&path)?;
    writeln!(file, "{head}").map_err(Failure::file("write interactions"))?;
    Ok((path, file))
}

/// A book for `shelfwise import books`.
fn line(id: i64, facts: &Facts, item: Option<&Item>, categories: Option<&Vec<String>>) -> serde_json::Value {
    let title = item.map(|item| item.title.trim()).filter(|title| !title.is_empty());
    // The series has a field of its own.
    let title = title.map(|title| match (&facts.series, title.rfind(" (")) {
        (Some(_), Some(end)) if end > 0 => &title[..end],
        _ => title,
    });
    let categories = categories.filter(|names| names.iter().any(|name| !name.is_empty()));
    let uncategorised = vec!["Uncategorised".to_owned()];
    let language = match facts.language.as_str() {
        "eng" => "en",
        tag if tag.len() == 2 || tag.get(2..3) == Some("-") => tag,
        _ => "",
    };
    json!({
        "id": id,
        "title": title.map_or_else(|| format!("Book {id}"), str::to_owned),
        "authors": facts.authors.iter().take(AUTHORS).collect::<Vec<_>>(),
        "year": item.and_then(|item| item.year),
        "series": facts.series,
        "language": language,
        "categories": categories.unwrap_or(&uncategorised),
        "subjects": facts.subjects.iter().take(SUBJECTS).collect::<Vec<_>>(),
    })
}

/// All records of a file that fits into memory.
fn csv(path: &Path) -> Result<Vec<Vec<String>>, Failure> {
    let mut text = Vec::new();
    open(path)?.read_to_end(&mut text).map_err(Failure::file(format!("read {}", path.display())))?;
    let mut reader = csv_core::Reader::new();
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), Vec::new());
    let (mut input, mut part) = (text.as_slice(), [0; 4096]);
    loop {
        let (result, read, wrote) = reader.read_field(input, &mut part);
        input = &input[read..];
        field.extend_from_slice(&part[..wrote]);
        match result {
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                row.push(String::from_utf8_lossy(&field).into_owned());
                field.clear();
                if record_end {
                    rows.push(std::mem::take(&mut row));
                }
            }
            ReadFieldResult::End => return Ok(rows),
        }
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(Failure::file(format!("open {}", path.display())))
}

fn writer(path: &Path) -> Result<BufWriter<File>, Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Failure::file("make a folder"))?;
    File::create(path).map(BufWriter::new).map_err(Failure::file(format!("make {}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use recommendations::models::Facts;

    use super::{Item, Split, csv, line};
    use crate::interactions::Size;

    #[test]
    fn a_fifth_of_a_generated_split_is_hidden_and_nothing_is_on_both_sides() {
        let folder = tempfile::tempdir().expect("a folder");
        let size = Size { readers: 100, books: 90, ratings: 2_000 };
        let (_, trial) = Split::generated(folder.path(), size).expect("written").trial().expect("read back");
        let hidden: usize = trial.hidden.iter().map(Vec::len).sum();
        let share = hidden as f64 / (hidden + trial.data.len()) as f64;
        assert!((0.15..0.21).contains(&share), "{share}");
        for (history, hidden) in trial.histories.iter().zip(&trial.hidden) {
            assert!(history.iter().all(|event| !hidden.contains(&event.book)));
        }
    }

    #[test]
    fn files_of_goodreads_become_books_that_can_be_imported() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("items.csv");
        fs::write(&file, "item_id,title\n7,\"Fire, \"\"2\"\" (The Games, #2)\"\n").expect("written");
        let rows = csv(&file).expect("a file");
        assert_eq!(rows[1], ["7", "Fire, \"2\" (The Games, #2)"]);
        let facts = Facts {
            authors: vec!["A".to_owned()],
            series: Some("The Games".to_owned()),
            subjects: (0..60).map(|it| it.to_string()).collect(),
            language: "eng".to_owned(),
        };
        let book = line(7, &facts, Some(&Item { title: rows[1][1].clone(), year: Some(2009) }), None);
        assert_eq!((book["title"].as_str(), book["language"].as_str()), (Some("Fire, \"2\""), Some("en")));
        assert_eq!(book["subjects"].as_array().map(Vec::len), Some(50));
    }
}
