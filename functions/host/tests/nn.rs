//! Models behind `wasi:nn`, asked by a module as guests ask them.

#[path = "nn/onnx.rs"]
mod onnx;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use host::nn::{InputSize, ModelSettings, Models, ModelsError, NoModel, Session, add_to_linker};
use onnx::Colours;
use wasmtime::{Config, Engine, Instance, Linker, Memory, Module, Store};

/// Hands every call on to the host, with a memory for it to read and write.
const GUEST: &str = r#"(module
    (import "wasi_ephemeral_nn" "load" (func $load (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_ephemeral_nn" "load_by_name" (func $load_by_name (param i32 i32 i32) (result i32)))
    (import "wasi_ephemeral_nn" "init_execution_context" (func $init (param i32 i32) (result i32)))
    (import "wasi_ephemeral_nn" "set_input" (func $set_input (param i32 i32 i32) (result i32)))
    (import "wasi_ephemeral_nn" "compute" (func $compute (param i32) (result i32)))
    (import "wasi_ephemeral_nn" "get_output" (func $get_output (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 4)
    (func (export "load") (result i32)
        (call $load (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 0) (i32.const 0)))
    (func (export "load_by_name") (param i32 i32 i32) (result i32)
        (call $load_by_name (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init") (param i32 i32) (result i32) (call $init (local.get 0) (local.get 1)))
    (func (export "set_input") (param i32 i32 i32) (result i32)
        (call $set_input (local.get 0) (local.get 1) (local.get 2)))
    (func (export "compute") (param i32) (result i32) (call $compute (local.get 0)))
    (func (export "get_output") (param i32 i32 i32 i32 i32) (result i32)
        (call $get_output (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4))))"#;

/// Where the test puts what it passes.
const NAME: u32 = 0;
const OUT: u32 = 128;
const TENSOR: u32 = 256;
const DIMENSIONS: u32 = 512;
const DATA: u32 = 1024;
const OUTPUT: u32 = 65_536;

/// `nn_errno`.
const SUCCESS: i32 = 0;
const INVALID_ARGUMENT: i32 = 1;
const UNSUPPORTED_OPERATION: i32 = 6;
const TOO_LARGE: i32 = 7;
const NOT_FOUND: i32 = 8;

/// `tensor_type` in the interface's own numbering, and in the first libraries'.
const U8: u8 = 3;
const OLD_U8: u8 = 2;
const F32: u8 = 1;

struct Guest {
    store: Store<Session>,
    instance: Instance,
    memory: Memory,
}

impl Guest {
    async fn new(models: &Arc<Models>) -> Self {
        let engine = Engine::new(&Config::new()).expect("an engine");
        let module = Module::new(&engine, wat::parse_str(GUEST).expect("a module")).expect("a module");
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |session: &mut Session| session).expect("the imports are new");
        let mut store = Store::new(&engine, Session::new(models));
        let instance = linker.instantiate_async(&mut store, &module).await.expect("all imports are there");
        let memory = instance.get_memory(&mut store, "memory").expect("it has a memory");
        Self { store, instance, memory }
    }

    /// Calls an export of so many numbers.
    async fn call(&mut self, name: &str, parameters: &[u32]) -> i32 {
        let function = self.instance.get_func(&mut self.store, name).expect("it is exported");
        let parameters: Vec<_> =
            parameters.iter().map(|word| wasmtime::Val::I32(word.cast_signed())).collect();
        let mut results = [wasmtime::Val::I32(-1)];
        function.call_async(&mut self.store, &parameters, &mut results).await.expect("nothing traps");
        results[0].unwrap_i32()
    }

    async fn load(&mut self, name: &str) -> i32 {
        self.write(NAME, name.as_bytes());
        self.call("load_by_name", &[NAME, u32::try_from(name.len()).expect("short"), OUT]).await
    }

    async fn set(&mut self, dimensions: &[u32], kind: u8, data: &[u8]) -> i32 {
        let words: Vec<u8> = dimensions.iter().flat_map(|size| size.to_le_bytes()).collect();
        self.write(DIMENSIONS, &words);
        self.write(DATA, data);
        let length = |length: usize| u32::try_from(length).expect("short");
        let tensor = [DIMENSIONS, length(dimensions.len()), u32::from(kind), DATA, length(data.len())];
        let words: Vec<u8> = tensor.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write(TENSOR, &words);
        self.call("set_input", &[0, 0, TENSOR]).await
    }

    /// The scores of an image of one colour.
    async fn scores(&mut self, colour: [u8; 3], kind: u8) -> [u8; 4] {
        let pixels = colour.repeat(64);
        assert_eq!(self.set(&[1, 8, 8, 3], kind, &pixels).await, SUCCESS);
        assert_eq!(self.call("compute", &[0]).await, SUCCESS);
        assert_eq!(self.call("get_output", &[0, 0, OUTPUT, 4, OUT]).await, SUCCESS);
        assert_eq!(self.read(OUT), 4_u32.to_le_bytes());
        self.read(OUTPUT)
    }

    /// With the model `colours` loaded and a computation prepared.
    async fn ready(models: &Arc<Models>) -> Self {
        let mut guest = Self::new(models).await;
        assert_eq!(guest.load("colours").await, SUCCESS);
        assert_eq!(guest.call("init", &[0, OUT]).await, SUCCESS);
        guest
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        self.memory.write(&mut self.store, at as usize, bytes).expect("the memory is large enough");
    }

    fn read<const N: usize>(&self, at: u32) -> [u8; N] {
        let mut bytes = [0; N];
        self.memory.read(&self.store, at as usize, &mut bytes).expect("the memory is large enough");
        bytes
    }
}

fn settings(file: &Path) -> ModelSettings {
    let input = InputSize { width: 8, height: 8 };
    let labels = Some(models_folder().join("colours.txt"));
    ModelSettings {
        name: "colours".to_owned(),
        file: file.to_owned(),
        labels,
        input,
        longest: ModelSettings::LONGEST,
    }
}

fn models(file: &Path) -> Arc<Models> {
    Arc::new(Models::new(vec![settings(file)]).expect("the files are there"))
}

/// The models of the repository.
fn models_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

#[tokio::test]
async fn a_model_gives_the_answers_that_can_be_told_by_hand() {
    let models = models(&models_folder().join("colours.onnx"));
    let mut guest = Guest::ready(&models).await;
    assert_eq!(guest.scores([255, 0, 0], U8).await, [0, 255, 0, 0]);
    assert_eq!(guest.scores([0, 200, 100], U8).await, [0, 0, 150, 0]);
    assert_eq!(guest.scores([9, 9, 51], OLD_U8).await, [0, 0, 0, 42]);
    assert_eq!(guest.scores([77, 77, 77], OLD_U8).await, [0, 0, 0, 0]);
    assert_eq!(guest.store.data().missing(), None);
    assert!(guest.store.data().computed() > Duration::ZERO);
}

#[tokio::test]
async fn the_script_writes_the_model_of_the_repository() {
    let committed = fs::read(models_folder().join("colours.onnx")).expect("it is in the repository");
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(models_folder().join("colours.py"), folder.path().join("colours.py")).expect("a copy");
    if !testing::have(&["python3"]) {
        return;
    }
    let run = std::process::Command::new("python3").arg("colours.py").current_dir(folder.path()).status();
    assert!(run.expect("Python starts").success());
    assert_eq!(fs::read(folder.path().join("colours.onnx")).expect("it was written"), committed);
}

#[tokio::test]
async fn what_guests_have_to_know_is_in_their_environment() {
    let models = models(&models_folder().join("colours.onnx"));
    let labels = fs::read_to_string(models_folder().join("colours.txt")).expect("they are in the repository");
    let expected = [("NN_COLOURS_INPUT", "8x8"), ("NN_COLOURS_LABELS", labels.as_str())];
    assert_eq!(models.environment(), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn a_model_that_is_not_there_is_told_by_name() {
    let models = models(&models_folder().join("colours.onnx"));
    let mut guest = Guest::new(&models).await;
    assert_eq!(guest.load("birds").await, NOT_FOUND);
    assert_eq!(guest.store.data().missing(), Some(&NoModel::Unconfigured("birds".to_owned())));
    // A function that can do with another is not to blame.
    assert_eq!(guest.load("colours").await, SUCCESS);
    assert_eq!(guest.store.data().missing(), None);

    let mut guest = Guest::new(&Arc::new(Models::new(Vec::new()).expect("no model is no fault"))).await;
    assert_eq!(guest.load("colours").await, NOT_FOUND);
    assert_eq!(guest.store.data().missing(), Some(&NoModel::Unconfigured("colours".to_owned())));
}

/// Why a file is no use as a model.
async fn refused(onnx: &[u8], longest: Duration) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("colours.onnx");
    fs::write(&file, onnx).expect("the folder can be written");
    let models = Models::new(vec![ModelSettings { longest, ..settings(&file) }]).expect("the file is there");
    let mut guest = Guest::new(&Arc::new(models)).await;
    assert_eq!(guest.load("colours").await, NOT_FOUND);
    match guest.store.data().missing() {
        Some(NoModel::Unusable { name, reason }) if name == "colours" => reason.clone(),
        other => panic!("{other:?}"),
    }
}

async fn refused_because(model: Colours, words: &str) {
    let reason = refused(&model.onnx(), ModelSettings::LONGEST).await;
    assert!(reason.contains(words), "{reason}");
}

#[tokio::test]
async fn a_model_that_may_take_any_size_is_refused() {
    refused_because(Colours { shape: [1, 0, 0, 3], ..Colours::default() }, "left open").await;
}

#[tokio::test]
async fn a_model_that_takes_too_much_is_refused() {
    let large = Colours { shape: [1, 4000, 4000, 3], ..Colours::default() };
    refused_because(large, "48000000 bytes, more than 16777216").await;
}

#[tokio::test]
async fn a_model_that_cannot_be_computed_is_refused() {
    refused_because(Colours { shape: [1, 8, 8, 4], ..Colours::default() }, "cannot be computed").await;
}

#[tokio::test]
async fn a_model_that_takes_too_long_is_refused() {
    let reason = refused(&Colours::default().onnx(), Duration::from_nanos(1)).await;
    assert!(reason.contains("longer than 1ns"), "{reason}");
}

#[tokio::test]
async fn what_is_no_model_is_refused() {
    for nonsense in [b"".as_slice(), b"TFL3", &[0xff; 64], &Colours::default().onnx()[..200]] {
        assert!(!refused(nonsense, ModelSettings::LONGEST).await.is_empty());
    }
}

#[tokio::test]
async fn of_how_many_images_it_looks_at_a_model_may_leave_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("colours.onnx");
    fs::write(&file, Colours { shape: [0, 8, 8, 3], ..Colours::default() }.onnx())
        .expect("the folder can be written");
    assert_eq!(Guest::ready(&models(&file)).await.scores([255, 0, 0], U8).await, [0, 255, 0, 0]);
}

#[tokio::test]
async fn bad_calls_are_refused_with_the_interfaces_numbers() {
    let models = models(&models_folder().join("colours.onnx"));
    let mut guest = Guest::ready(&models).await;
    let pixels = [7; 192];
    // Models come from the configuration only.
    assert_eq!(guest.call("load", &[]).await, UNSUPPORTED_OPERATION);
    // Nothing is set, nothing is computed.
    assert_eq!(guest.call("compute", &[0]).await, INVALID_ARGUMENT);
    assert_eq!(guest.call("get_output", &[0, 0, OUTPUT, 4, OUT]).await, INVALID_ARGUMENT);
    // Tensors that are not the model's.
    assert_eq!(guest.set(&[1, 3, 8, 8], U8, &pixels).await, INVALID_ARGUMENT);
    assert_eq!(guest.set(&[192], U8, &pixels).await, INVALID_ARGUMENT);
    assert_eq!(guest.set(&[1, 8, 8, 3], F32, &pixels.repeat(4)).await, INVALID_ARGUMENT);
    assert_eq!(guest.set(&[1; 9], U8, &[0]).await, INVALID_ARGUMENT);
    assert_eq!(guest.set(&[1, 8, 8, 3], U8, &pixels[1..]).await, UNSUPPORTED_OPERATION);
    assert_eq!(guest.set(&[u32::MAX; 4], U8, &pixels).await, UNSUPPORTED_OPERATION);
    assert_eq!(guest.set(&[1, 8, 8, 3], 0, &pixels.repeat(2)).await, UNSUPPORTED_OPERATION);
    // Handles that were never given out.
    assert_eq!(guest.call("init", &[7, OUT]).await, INVALID_ARGUMENT);
    assert_eq!(guest.call("compute", &[u32::MAX]).await, INVALID_ARGUMENT);
    // Ranges outside of memory.
    assert_eq!(guest.call("load_by_name", &[u32::MAX, 8, OUT]).await, INVALID_ARGUMENT);
    assert_eq!(guest.call("init", &[0, 4 * 65_536 - 3]).await, INVALID_ARGUMENT);
    assert_eq!(guest.call("set_input", &[0, 0, 4 * 65_536 - 19]).await, INVALID_ARGUMENT);
    // The room for an output, one byte too small and large enough.
    assert_eq!(guest.set(&[1, 8, 8, 3], U8, &pixels).await, SUCCESS);
    assert_eq!(guest.call("compute", &[0]).await, SUCCESS);
    assert_eq!(guest.call("get_output", &[0, 1, OUTPUT, 4, OUT]).await, INVALID_ARGUMENT);
    assert_eq!(guest.call("get_output", &[0, 0, OUTPUT, 3, OUT]).await, TOO_LARGE);
    assert_eq!(guest.call("get_output", &[0, 0, OUTPUT, 4, OUT]).await, SUCCESS);
}

#[tokio::test]
async fn a_call_holds_four_models_and_computations_at_most() {
    let models = models(&models_folder().join("colours.onnx"));
    let mut guest = Guest::new(&models).await;
    for _ in 0..4 {
        assert_eq!(guest.load("colours").await, SUCCESS);
        assert_eq!(guest.call("init", &[0, OUT]).await, SUCCESS);
    }
    assert_eq!(guest.load("colours").await, TOO_LARGE);
    assert_eq!(guest.call("init", &[0, OUT]).await, TOO_LARGE);
}

#[tokio::test]
async fn a_changed_model_takes_over_and_a_broken_one_does_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("colours.onnx");
    fs::write(&file, Colours::default().onnx()).expect("the folder can be written");
    let models = models(&file);
    let red = async |models: &Arc<Models>| Guest::ready(models).await.scores([200, 0, 0], U8).await[1];
    assert_eq!(red(&models).await, 200);

    let mut before = Guest::ready(&models).await;
    replace(&file, &Colours { scale: 2., ..Colours::default() }.onnx());
    changed(async || red(&models).await, 100).await;
    assert_eq!(before.scores([200, 0, 0], U8).await[1], 200, "a call keeps the model that it has loaded");

    replace(&file, b"nothing of use");
    fs::remove_file(&file).expect("it is there");
    replace(&file, b"nothing of use either");
    // Looked at for longer than it takes to be noticed.
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(red(&models).await, 100);
    }
    replace(&file, &Colours { scale: 4., ..Colours::default() }.onnx());
    changed(async || red(&models).await, 50).await;
}

#[test]
fn bad_settings_are_told() {
    let file = models_folder().join("colours.onnx");
    let new = |settings: Vec<ModelSettings>| Models::new(settings).map(|models| models.names().count());
    let named = |name: &str| ModelSettings { name: name.to_owned(), ..settings(&file) };
    assert_eq!(new((0..16).map(|number| named(&format!("m{number}"))).collect()).ok(), Some(16));
    let many = (0..17).map(|number| named(&format!("m{number}"))).collect();
    assert!(matches!(new(many), Err(ModelsError::TooMany(17))));
    assert!(matches!(new(vec![named("a"), named("a")]), Err(ModelsError::Twice(name)) if name == "a"));
    for name in ["", "A", "1", "a_b", "a/b", &"a".repeat(64)] {
        assert!(matches!(new(vec![named(name)]), Err(ModelsError::Name(bad)) if bad == name), "{name}");
    }
    let missing =
        new(vec![settings(&models_folder().join("nowhere.onnx"))]).map_err(|error| error.to_string());
    assert!(
        missing.is_err_and(
            |line| line.contains("the model colours: cannot read") && line.contains("nowhere.onnx")
        )
    );
    let folder = ModelSettings { labels: Some(models_folder()), ..settings(&file) };
    assert!(
        new(vec![folder]).map_err(|error| error.to_string()).is_err_and(|line| line.contains("is no file"))
    );
}

/// As whoever deploys a model should: the new file is put in the place of the old one.
fn replace(file: &Path, content: &[u8]) {
    let new = file.with_extension("new");
    fs::write(&new, content).expect("the folder can be written");
    fs::rename(&new, file).expect("it is in the same folder");
}

/// Asks until the answer is the new one.
async fn changed(ask: impl AsyncFn() -> u8, expected: u8) {
    let asked = async {
        while ask().await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("the new model takes over");
}
