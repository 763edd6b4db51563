use std::fs;

use host::{Engine, EngineSettings, Function, Grants, Limits};

use crate::{data, json, module};

#[tokio::test]
async fn compiled_code_is_kept_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let start =
        || Engine::new(&EngineSettings { guests: 4, cache: Some(folder.path().join("compiled")) }).unwrap();
    let greet = async |engine: &Engine| {
        let hello =
            Function::compile(engine, "hello", &module("hello"), Limits::default(), Grants::default());
        json(hello.unwrap().call(data(r#"{"name":"Ada"}"#)).await)["greeting"].clone()
    };
    let code = || {
        let files = fs::read_dir(folder.path().join("compiled")).unwrap();
        let mut files = files.map(|file| file.unwrap().path());
        files.find(|file| file.extension().is_some_and(|extension| extension == "cwasm"))
    };
    assert_eq!(greet(&start()).await, "Hello, Ada!");
    let file = code().unwrap();
    let written = fs::metadata(&file).unwrap().len();
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&file).unwrap());
    // Another engine takes it as it is.
    assert_eq!(greet(&start()).await, "Hello, Ada!");
    assert_eq!(std::os::unix::fs::MetadataExt::ino(&fs::metadata(&file).unwrap()), inode);
    // What somebody has changed is compiled anew.
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(folder.path().join("changed"), &bytes).unwrap();
    fs::rename(folder.path().join("changed"), &file).unwrap();
    assert_eq!(greet(&start()).await, "Hello, Ada!");
    let again = fs::read(code().unwrap()).unwrap();
    assert!(again.len() as u64 == written && again != bytes);
}

#[test]
fn what_is_no_module_is_refused_with_a_reason() {
    let engine = Engine::new(&EngineSettings { guests: 1, cache: None }).unwrap();
    let compile = |wasm: &[u8]| {
        Function::compile(&engine, "f", wasm, Limits::default(), Grants::default()).unwrap_err().to_string()
    };
    let hello = module("hello");
    for (wasm, why) in [
        (&b""[..], "does not begin"),
        (b"\x7fELF\x02\x01\x01\0", "does not begin"),
        (b"(module)", "does not begin"),
        (b"\0asm\x01\0\0\0", "exports nothing"),
        (&hello[..hello.len() / 2], "does not compile"),
    ] {
        assert!(compile(wasm).contains(why), "{}", compile(wasm));
    }
}
