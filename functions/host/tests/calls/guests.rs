//! The guests in the repository do what is said of them, as they lie there and built anew.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use host::{
    Call, CallError, Candidate, Engine, EngineSettings, Function, Grants, Limits, Question, Ranker, Reason,
};
use serde_json::json as value;

use crate::{data, error, json, kinds::Two, payload};

/// Where `functions/guests/build.sh --to functions/guests/target/built` puts what it makes.
fn built_anew() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/target/built")
}

#[tokio::test]
async fn guests_do_what_is_said_of_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/built");
    try_all(
        &folder,
        &["count", "echo", "gojson", "grayscale", "headline", "hello", "ranker", "taste", "words"],
    )
    .await;
}

#[tokio::test]
async fn guests_that_are_built_anew_do_the_same() {
    let folder = built_anew();
    if !testing::have(&[&folder.display().to_string()]) {
        return;
    }
    let python = ["ranker-python", "words-python"];
    let others = ["count", "echo", "gojson", "grayscale", "headline", "hello", "ranker", "taste", "words"];
    try_all(&folder, &[&others[..], &python[..]].concat()).await;
    for misbehaving in ["misbehave", "misbehave-component"] {
        let misbehave = Guests::open(&folder).function(misbehaving);
        let work = r#"{"do":"work","turns":4}"#;
        assert_eq!(
            json(misbehave.call(Call { payload: work.into(), ..data(work) }).await)["sum"],
            6,
            "{misbehaving}"
        );
    }
    assert_eq!(Guests::open(&folder).ranking("misbehave-ranker", 13).await[0], 12);
}

/// The modules of one folder.
struct Guests<'a> {
    folder: &'a Path,
    engine: Engine,
}

impl<'a> Guests<'a> {
    fn open(folder: &'a Path) -> Self {
        // Python takes long to compile, so that is kept.
        let cache = Some(built_anew().with_file_name("compiled"));
        Self { folder, engine: Engine::new(&EngineSettings { guests: 4, cache }).unwrap() }
    }

    fn module(&self, name: &str) -> Vec<u8> {
        let file = self.folder.join(name).with_extension("wasm");
        std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    fn function(&self, name: &str) -> Function {
        let grants = Grants { books: true, readers: true, state: true, ..Grants::default() };
        Function::compile(&self.engine, name, &self.module(name), Limits::default(), grants).unwrap()
    }

    /// Twelve candidates in the model's order, of three reasons and four categories, as the ranker puts them.
    async fn ranking(&self, name: &str, reader: i32) -> Vec<i32> {
        let candidate = |book: i32| Candidate {
            book,
            score: 1.0 - book as f32 / 100.0,
            categories: vec![(book - 1) / 3],
            reason: [Reason::Taste, Reason::Liked, Reason::Popular][(book as usize - 1) / 4],
            because: None,
        };
        let candidates: Vec<Candidate> = (1..=12).map(candidate).collect();
        let limits =
            Limits { time: Limits::default().time, cpu: Limits::default().cpu, ..Limits::of_ranker() };
        let ranker = Ranker::load(&self.engine, name, &self.module(name), limits).unwrap();
        ranker
            .rank(Question { reader, count: 8 }, &candidates)
            .await
            .0
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

async fn try_all(folder: &Path, names: &[&str]) {
    let guests = Guests::open(folder);
    for name in names {
        try_one(&guests, name).await;
    }
}

async fn try_one(guests: &Guests<'_>, name: &str) {
    match name {
        "hello" => {
            assert_eq!(
                json(guests.function(name).call(data(r#"{"name":"Ada"}"#)).await),
                value!({ "greeting": "Hello, Ada!" })
            );
            assert_eq!(
                json(guests.function(name).call(payload("")).await),
                value!({ "greeting": "Hello, world!" })
            );
        }
        "count" => {
            let seen = json(guests.function(name).call(payload("It can't bite\nit's own tail.\n")).await);
            assert_eq!(seen, value!({ "bytes": 29, "words": 6, "lines": 2 }));
        }
        "gojson" => {
            let ended = guests.function(name).call(data(r#"{"name":"zztkm","age":20}"#)).await;
            let answer = ended.result.unwrap_or_else(|error| panic!("{error}: {:?}", ended.stderr));
            let promised = "{\"name\":\"zztkm\",\"age\":20,\"description\":\"This is a description\"}\n";
            assert_eq!(std::str::from_utf8(&answer.body).unwrap(), promised);
            assert_eq!(error(guests.function(name).call(data("[]")).await), CallError::Exit(1));
        }
        "words" | "words-python" => {
            let words = guests.function(name);
            let reversed = async |text: &'static str| {
                let ended = words.call(payload(text)).await;
                String::from_utf8(ended.result.unwrap_or_else(|error| panic!("{name}: {error}")).body.into())
                    .unwrap()
            };
            let sample = "It can't bite it's own tail. I'm done laughing.";
            assert_eq!(reversed(sample).await, "tI can't etib it's nwo tail. I'm enod laughing.", "{name}");
            assert_eq!(reversed("Zoë  liest ").await, "ëoZ  tseil ", "{name}");
            assert_eq!(reversed("").await, "", "{name}");
            assert!(
                matches!(error(words.call(payload(&b"\xff"[..])).await), CallError::Refused { .. }),
                "{name}"
            );
        }
        "headline" => {
            let headline = guests.function(name);
            let seen = json(headline.call(payload(r#"{"text":"the girl with the dragon tattoo"}"#)).await);
            let promised = value!({ "headline": "The Girl with the Dragon Tattoo", "slug": "the-girl-with-the-dragon-tattoo" });
            assert_eq!(seen, promised);
            let CallError::Refused { code, message } = error(headline.call(payload("no JSON")).await) else {
                panic!()
            };
            assert_eq!((code.as_str(), message.as_str()), ("bad-input", "The input must be JSON."));
        }
        "taste" => {
            let call = Call { shop: Arc::new(Two::default()), ..payload(r#"{"reader":7}"#) };
            assert_eq!(json(guests.function(name).call(call).await)["authors"][0]["name"], "Bea");
        }
        "echo" => {
            let asked = http::Request::put("/a?b=c").header("x-shelf", "7").body(()).unwrap();
            let call = Call { request: Some(Arc::new(asked.into_parts().0)), ..payload("body") };
            let seen = json(guests.function(name).call(call).await);
            assert_eq!(
                (&seen["method"], &seen["query"], &seen["body"]),
                (&value!("PUT"), &value!("b=c"), &value!("body"))
            );
        }
        "grayscale" => grayscale(guests.function(name)).await,
        // The model's own order has the last of the four categories in the tenth place.
        "ranker" => {
            let ranked = guests.ranking(name, 7).await;
            assert_eq!((ranked.len(), ranked[0]), (8, 1), "{ranked:?}");
            let categories: BTreeSet<i32> = ranked[..5].iter().map(|book| (book - 1) / 3).collect();
            assert_eq!(categories.len(), 4, "{ranked:?}");
        }
        "ranker-python" => {
            assert_eq!(
                guests.ranking(name, 7).await,
                [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12],
                "the reasons take turns"
            );
        }
        _ => panic!("there is no example of {name}"),
    }
}

async fn grayscale(grayscale: Function) {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/grayscale/tests/pictures");
    for (picture, format) in [
        ("rgb.png", &b"\x89PNG"[..]),
        ("baseline.jpg", b"\x89PNG"),
        ("lossy.webp", b"\x89PNG"),
        ("rgb.bmp", b"\x89PNG"),
        ("animated.gif", b"GIF89a"),
    ] {
        let image = Bytes::from(std::fs::read(pictures.join(picture)).unwrap());
        let answer =
            grayscale.call(payload(image)).await.result.unwrap_or_else(|error| panic!("{picture}: {error}"));
        assert!(answer.body.starts_with(format), "{picture}");
    }
    let refused = grayscale.call(payload("no image")).await;
    assert_eq!(&refused.stderr[..], b"This is no PNG, JPEG, GIF, WebP or BMP image.\n");
    assert_eq!(error(refused), CallError::Exit(1));
}
