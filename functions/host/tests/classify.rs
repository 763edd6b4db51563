//! `classify` says what is in a picture, with a model that the host lends.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use host::{
    Call, CallError, Ended, Engine, EngineSettings, Function, Grants, Limits, NoShop, Unfit,
    nn::{InputSize, ModelSettings, Models},
};

/// Of this crate's folder.
fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn engine(models: Vec<ModelSettings>) -> Engine {
    let engine = Engine::new(&EngineSettings { guests: 4, cache: None }).expect("an engine");
    engine.lend(Models::new(models).expect("the files are there"));
    engine
}

/// The model of the repository under this name.
fn colours(name: &str) -> ModelSettings {
    ModelSettings {
        name: name.to_owned(),
        file: folder("../models/colours.onnx"),
        labels: Some(folder("../models/colours.txt")),
        input: InputSize { width: 8, height: 8 },
        longest: ModelSettings::LONGEST,
    }
}

fn compile(engine: &Engine, limits: Limits, grants: Grants) -> Result<Function, Unfit> {
    let wasm = std::fs::read(folder("../guests/built/classify.wasm")).expect("it is in the repository");
    Function::compile(engine, "classify", &wasm, limits, grants)
}

fn classify(engine: &Engine) -> Function {
    compile(engine, Limits::default(), Grants { nn: true, ..Grants::default() }).expect("it fits")
}

async fn ended(function: &Function, picture: Vec<u8>) -> Ended {
    let (data, request, shop) = (None, None, Arc::new(NoShop));
    function.call(Call { data, payload: picture.into(), request, shop, time: None, lines: None }).await
}

async fn said(function: &Function, picture: Vec<u8>) -> String {
    let answer = ended(function, picture).await.result.expect("it answers");
    String::from_utf8(answer.body.to_vec()).expect("a sentence")
}

/// A bitmap of one colour.
fn bitmap(width: u32, height: u32, [red, green, blue]: [u8; 3]) -> Vec<u8> {
    let row = (3 * width).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    let numbers =
        [54 + row * height, 0, 54, 40, width, height, 24 << 16 | 1, 0, row * height, 2835, 2835, 0, 0];
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    for _ in 0..height {
        let mut pixels = [blue, green, red].repeat(width as usize);
        pixels.resize(row as usize, 0);
        file.extend(pixels);
    }
    file
}

#[tokio::test]
async fn a_sentence_tells_how_sure_it_is_and_links_the_label() {
    let engine = engine(vec![colours("classify")]);
    let classify = classify(&engine);
    let cases = [
        (
            [255, 0, 0],
            "It is very likely a <a href='https://www.google.com/search?q=red%20%26%20%22pink%22'>red &amp; &quot;pink&quot;</a> in the picture",
        ),
        (
            [0, 201, 0],
            "It is very likely a <a href='https://www.google.com/search?q=green%20%3Clime%3E'>green &lt;lime&gt;</a> in the picture",
        ),
        (
            [0, 0, 200],
            "It is likely a <a href='https://www.google.com/search?q=blue%27s%20sky'>blue&#39;s sky</a> in the picture",
        ),
        (
            [0, 0, 126],
            "It is likely a <a href='https://www.google.com/search?q=blue%27s%20sky'>blue&#39;s sky</a> in the picture",
        ),
        (
            [0, 0, 125],
            "It could be a <a href='https://www.google.com/search?q=blue%27s%20sky'>blue&#39;s sky</a> in the picture",
        ),
        (
            [0, 0, 51],
            "It could be a <a href='https://www.google.com/search?q=blue%27s%20sky'>blue&#39;s sky</a> in the picture",
        ),
        ([0, 0, 50], "Nothing was recognised in the picture"),
        ([90, 90, 90], "Nothing was recognised in the picture"),
    ];
    for (colour, sentence) in cases {
        assert_eq!(said(&classify, bitmap(8, 8, colour)).await, sentence, "{colour:?}");
    }
    // Of any size, and far from square.
    for (width, height) in [(1, 1), (3, 200), (640, 480), (2000, 9)] {
        assert!(
            said(&classify, bitmap(width, height, [255, 0, 0])).await.contains(">red "),
            "{width}x{height}"
        );
    }
}

#[tokio::test]
async fn what_is_no_image_is_refused_in_a_sentence() {
    let engine = engine(vec![colours("classify")]);
    let classify = classify(&engine);
    let whole = bitmap(64, 64, [255, 0, 0]);
    let far_too_large = {
        let mut file = bitmap(1, 1, [255, 0, 0]);
        file[18..26].copy_from_slice(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
        file
    };
    for bad in
        [Vec::new(), b"not an image".to_vec(), whole[..100].to_vec(), b"GIF89a".to_vec(), far_too_large]
    {
        let ended = ended(&classify, bad).await;
        assert_eq!(ended.result, Err(CallError::Exit(65)));
        let sentence = std::str::from_utf8(&ended.stderr).expect("a sentence");
        assert!(sentence.contains("image") && sentence.ends_with(".\n"), "{sentence}");
    }
    assert!(said(&classify, whole).await.contains(">red "));
}

#[tokio::test]
async fn without_a_model_the_missing_setting_is_named() {
    let missing =
        async |function: &Function| match ended(function, b"not even an image".to_vec()).await.result {
            Err(CallError::Missing(sentence)) => sentence,
            other => panic!("{other:?}"),
        };
    let engine = engine(Vec::new());
    let function = classify(&engine);
    let sentence = missing(&function).await;
    assert!(sentence.contains("FUNCTIONS_MODEL") && sentence.contains("[models.classify]"), "{sentence}");

    // A model that is no use is no fault of the function's either; why, the log says.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broken.onnx");
    std::fs::write(&file, "broken").expect("the folder can be written");
    engine
        .lend(Models::new(vec![ModelSettings { file, ..colours("classify") }]).expect("the files are there"));
    let sentence = missing(&function).await;
    assert!(sentence.contains("classify") && !sentence.contains("broken"), "{sentence}");

    // What is lent later is there for the next call.
    engine.lend(Models::new(vec![colours("classify")]).expect("the files are there"));
    assert!(said(&function, bitmap(8, 8, [255, 0, 0])).await.contains(">red "));
}

#[tokio::test]
async fn a_function_may_ask_another_model_and_none_without_the_grant() {
    let engine = engine(vec![colours("classify"), colours("bird-songs")]);
    let environment = [("MODEL".to_owned(), "bird-songs".to_owned())].into();
    let grants = Grants { nn: true, environment, ..Grants::default() };
    let birds = compile(&engine, Limits::default(), grants).expect("it fits");
    assert!(said(&birds, bitmap(8, 8, [255, 0, 0])).await.contains(">red "));

    let refused = compile(&engine, Limits::default(), Grants::default()).map(drop);
    assert!(matches!(refused, Err(Unfit::Misfit(why)) if why.contains("nn = true")));
}

/// MobileNet, where it lies beside the checkout.
fn mobilenet() -> Option<(PathBuf, ModelSettings)> {
    let folder = folder("../../../shared/data/models");
    if !folder.is_dir() {
        testing::skipped("needs ../shared/data/models");
        return None;
    }
    let settings = ModelSettings {
        name: "classify".to_owned(),
        file: folder.join("mobilenet_v2_1.0_224.onnx"),
        labels: Some(folder.join("imagenet_labels.txt")),
        input: InputSize::default(),
        longest: Duration::from_secs(20),
    };
    Some((folder, settings))
}

#[tokio::test]
async fn a_mobilenet_is_right_about_four_pictures() {
    let Some((folder, settings)) = mobilenet() else { return };
    let engine = engine(vec![settings]);
    let classify = classify(&engine);
    let pictures: [(_, &[_]); 4] = [
        ("cat.bmp", &["Egyptian cat", "tabby, tabby cat"]),
        ("grace_hopper.bmp", &["military uniform"]),
        ("parrot.jpg", &["macaw"]),
        ("hot_dog.jpg", &["hotdog, hot dog, red hot"]),
    ];
    for (picture, labels) in pictures {
        let sentence = said(&classify, std::fs::read(folder.join(picture)).expect("it is there")).await;
        assert!(
            labels.iter().any(|label| sentence.contains(&format!(">{label}</a>"))),
            "{picture}: {sentence}"
        );
    }
}

#[tokio::test]
async fn a_call_ends_in_time_while_its_model_is_computed() {
    let Some((folder, settings)) = mobilenet() else { return };
    let engine = engine(vec![settings]);
    let picture = std::fs::read(folder.join("cat.bmp")).expect("it is there");
    let patient = classify(&engine);
    let mut usual = Vec::new();
    for _ in 0..5 {
        let ended = ended(&patient, picture.clone()).await;
        assert!(ended.result.is_ok());
        usual.push(ended.usage);
    }

    // The model takes more than two thirds of any call.
    let mut time = usual.iter().map(|usage| usage.time).min().expect("there are five") / 3;
    let cpu = usual.iter().map(|usage| usage.cpu).min().expect("there are five") / 3;
    let mut late = 0;
    while late < 20 {
        let limits = Limits { time, ..Limits::default() };
        let hurried = compile(&engine, limits, Grants { nn: true, ..Grants::default() }).expect("it fits");
        let start = Instant::now();
        let Ended { result, usage, .. } = ended(&hurried, picture.clone()).await;
        assert!(start.elapsed() < Duration::from_secs(10));
        if result.is_ok() {
            // The machine had more to do when the others were measured.
            assert!(usage.time < time * 2, "{usage:?}");
            time /= 2;
        } else {
            assert_eq!(result, Err(CallError::OutOfTime(time)));
            late += 1;
        }
    }

    // What is computed for a call counts towards its processor time.
    let limits = Limits { cpu, ..Limits::default() };
    let frugal = compile(&engine, limits, Grants { nn: true, ..Grants::default() }).expect("it fits");
    assert_eq!(ended(&frugal, picture.clone()).await.result, Err(CallError::OutOfCpu(limits.cpu)));
    assert!(ended(&patient, picture).await.result.is_ok());
}
