//! Making the index, or opening the one that was made before.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError,
    schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions},
    store::Compressor,
    tokenizer::{TokenizerManager, WhitespaceTokenizer},
};

use super::{
    SearchError,
    words::{exact, words},
};
use crate::catalogue::Catalogue;

/// Raised when the same books would be indexed otherwise than before.
const FORMAT: u32 = 2;
/// Up to so many books one thread is quicker than two.
const SMALL: usize = 50_000;
/// The least that the library takes, for each thread that makes an index.
const MEMORY: usize = 15_000_000;
/// What makes fewer and larger pieces of a large index.
const MEMORY_IF_LARGE: usize = 100_000_000;
/// The name of our way to split a text: it comes folded, at its spaces.
const SPACES: &str = "spaces";

/// What is indexed of a book.
pub(super) struct Fields {
    schema: Schema,
    pub(super) title: Field,
    pub(super) author: Field,
    pub(super) series: Field,
    pub(super) subject: Field,
    pub(super) category: Field,
    /// Whole titles.
    pub(super) exact: Field,
    pub(super) isbn: Field,
    /// The name of the place in the catalogue.
    pub(super) place: &'static str,
}

pub(super) static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let text = |tokenizer| {
        // Where a word stands and how often does not matter to the order.
        let indexing =
            TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(IndexRecordOption::Basic);
        TextOptions::default().set_indexing_options(indexing.set_fieldnorms(false))
    };
    let mut schema = Schema::builder();
    let place = "place";
    schema.add_u64_field(place, FAST);
    Fields {
        title: schema.add_text_field("title", text(SPACES)),
        author: schema.add_text_field("author", text(SPACES)),
        series: schema.add_text_field("series", text(SPACES)),
        subject: schema.add_text_field("subject", text(SPACES)),
        category: schema.add_text_field("category", text(SPACES)),
        exact: schema.add_text_field("exact", text("raw")),
        isbn: schema.add_text_field("isbn", text("raw")),
        place,
        schema: schema.build(),
    }
});

/// Makes the index in memory.
pub(super) fn in_memory(catalogue: &Catalogue) -> Result<IndexReader, SearchError> {
    let failed = |source| SearchError::Build { folder: "memory".to_owned(), source };
    let index = builder().create_in_ram().map_err(failed)?;
    fill(&index, catalogue).map_err(failed)?;
    reader(index).map_err(failed)
}

/// Opens the index of this very version under `folder`, or makes it there.
pub(super) fn in_folder(catalogue: &Catalogue, folder: &Path) -> Result<IndexReader, SearchError> {
    let version = catalogue.version();
    let name = format!("{}-{}-{FORMAT}", version.store, version.number);
    let ready = folder.join(&name);
    if let Some(reader) = open(&ready, catalogue) {
        return Ok(reader);
    }
    let build_failed = |source| SearchError::Build { folder: ready.display().to_string(), source };
    let folder_failed = |source| SearchError::Folder { folder: folder.display().to_string(), source };
    // Made beside and then renamed: whoever sees the folder sees a whole index.
    let building = folder.join(format!(".{name}-{:016x}", rand::random::<u64>()));
    fs::create_dir_all(&building).map_err(folder_failed)?;
    let made = builder().create_in_dir(&building).and_then(|index| fill(&index, catalogue));
    if let Err(source) = made {
        // The error that counts is the first one.
        let _ = fs::remove_dir_all(&building);
        return Err(build_failed(source));
    }
    if fs::rename(&building, &ready).is_err() {
        // Another process was quicker, or left a damaged one.
        if let Some(reader) = open(&ready, catalogue) {
            remove(&building);
            return Ok(reader);
        }
        fs::remove_dir_all(&ready).map_err(folder_failed)?;
        fs::rename(&building, &ready).map_err(folder_failed)?;
    }
    remove_old(folder, &version.store, version.number);
    Index::open_in_dir(&ready).and_then(reader).map_err(build_failed)
}

fn open(folder: &Path, catalogue: &Catalogue) -> Option<IndexReader> {
    let index = Index::open_in_dir(folder).ok()?;
    let reader = reader(index).ok()?;
    let searcher = reader.searcher();
    let whole =
        *searcher.schema() == FIELDS.schema && usize::try_from(searcher.num_docs()) == Ok(catalogue.len());
    whole.then_some(reader)
}

fn builder() -> tantivy::IndexBuilder {
    // Nothing is stored: the catalogue has it all.
    let settings = IndexSettings { docstore_compression: Compressor::None, ..IndexSettings::default() };
    Index::builder().schema(FIELDS.schema.clone()).settings(settings).tokenizers(tokenizers())
}

fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(SPACES, WhitespaceTokenizer::default());
    tokenizers
}

fn reader(mut index: Index) -> Result<IndexReader, TantivyError> {
    index.set_tokenizers(tokenizers());
    index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()
}

/// Indexes all books. The memory for it is given back at the end.
fn fill(index: &Index, catalogue: &Catalogue) -> Result<(), TantivyError> {
    let mut writer: IndexWriter = if catalogue.len() <= SMALL {
        index.writer_with_num_threads(1, MEMORY)?
    } else {
        index.writer_with_num_threads(2, 2 * MEMORY_IF_LARGE)?
    };
    let fields = &*FIELDS;
    let place = fields.schema.get_field(fields.place)?;
    let categories: HashMap<i32, String> =
        catalogue.categories().map(|(category, _)| (category.number, words(&category.name))).collect();
    for (number, book) in (0..).map_while(|number| Some((number, catalogue.at(number)?))) {
        let mut document = TantivyDocument::new();
        document.add_u64(place, number as u64);
        document.add_text(fields.title, words(book.title()));
        exact(book.title()).for_each(|title| document.add_text(fields.exact, title));
        book.authors().for_each(|author| document.add_text(fields.author, words(author)));
        book.subjects().for_each(|subject| document.add_text(fields.subject, words(subject)));
        book.categories()
            .filter_map(|category| categories.get(&category))
            .for_each(|category| document.add_text(fields.category, category));
        if let Some((series, _)) = book.series() {
            document.add_text(fields.series, words(series));
        }
        if let Some(isbn) = book.isbn13() {
            document.add_text(fields.isbn, isbn.to_string());
        }
        writer.add_document(document)?;
    }
    writer.commit()?;
    writer.wait_merging_threads()
}

/// Removes the indexes of earlier versions of this store, and what builds left that were cut off. Those of other stores
/// stay: the folder may be shared. What cannot be removed costs room and no more.
fn remove_old(folder: &Path, store: &str, version: i64) {
    const CUT_OFF: Duration = Duration::from_secs(3_600);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return kept(folder, &error),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return kept(folder, &error),
        };
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let building = name.strip_prefix('.');
        let Some(number) = building.unwrap_or(name).strip_prefix(store) else { continue };
        let old = if building.is_some() {
            let made = entry.metadata().and_then(|about| about.modified());
            let age = made.ok().and_then(|time| SystemTime::now().duration_since(time).ok());
            age.is_some_and(|age| age > CUT_OFF)
        } else {
            let number = number.strip_prefix('-').and_then(|rest| rest.split('-').next());
            number.and_then(|number| number.parse::<i64>().ok()).is_some_and(|number| number < version)
        };
        if old {
            remove(&entry.path());
        }
    }
}

/// Removes a folder that nobody needs any more; another process may do the same.
fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        kept(folder, &error);
    }
}

fn kept(folder: &Path, error: &io::Error) {
    if error.kind() != io::ErrorKind::NotFound {
        tracing::warn!(folder = %folder.display(), %error, "an old search index cannot be removed");
    }
}
