//! Contracts grow by appending: what `contracts.txt` lists was promised to somebody, and stays.

use std::{collections::BTreeSet, fs, path::Path};

use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// Our own files, without those that everybody imports.
fn files() -> Vec<FileDescriptorProto> {
    let files = FileDescriptorSet::decode(protobufs::DESCRIPTORS).unwrap().file;
    files.into_iter().filter(|file| !file.name().starts_with("google/")).collect()
}

/// One line for each thing that a client may rely on.
fn promises() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in files() {
        let package = file.package().to_owned();
        for service in &file.service {
            for method in &service.method {
                lines.insert(format!(
                    "{package}|rpc {}/{}: {} -> {}{}{}",
                    service.name(),
                    method.name(),
                    method.input_type(),
                    method.output_type(),
                    if method.client_streaming() { " (client stream)" } else { "" },
                    if method.server_streaming() { " (server stream)" } else { "" },
                ));
            }
        }
        for message in &file.message_type {
            message_promises(&package, message, &mut lines);
        }
        for values in &file.enum_type {
            enum_promises(&package, values, &mut lines);
        }
    }
    lines
}

fn message_promises(package: &str, message: &DescriptorProto, lines: &mut BTreeSet<String>) {
    for field in &message.field {
        lines.insert(format!(
            "{package}|{}.{} = {}: {:?} {:?} {}{}",
            message.name(),
            field.name(),
            field.number(),
            field.label(),
            field.r#type(),
            field.type_name(),
            if field.proto3_optional() { " optional" } else { "" },
        ));
    }
    for nested in &message.nested_type {
        message_promises(&format!("{package}.{}", message.name()), nested, lines);
    }
    for values in &message.enum_type {
        enum_promises(&format!("{package}.{}", message.name()), values, lines);
    }
}

fn enum_promises(package: &str, values: &EnumDescriptorProto, lines: &mut BTreeSet<String>) {
    for value in &values.value {
        lines.insert(format!("{package}|{} {} = {}", values.name(), value.name(), value.number()));
    }
}

#[test]
fn nothing_that_was_promised_is_gone() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contracts.txt");
    let now = promises();
    if std::env::var_os("SHELFWISE_APPEND_CONTRACTS").is_some() {
        let old = fs::read_to_string(&path).unwrap_or_default();
        let all: BTreeSet<_> = old.lines().map(str::to_owned).chain(now.clone()).collect();
        let text: String = all.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&path, text).unwrap();
    }
    let promised: BTreeSet<_> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let broken: Vec<_> = promised.difference(&now).collect();
    assert!(broken.is_empty(), "clients rely on what is gone: {broken:#?}");
    let new: Vec<_> = now.difference(&promised).collect();
    assert!(new.is_empty(), "run again with SHELFWISE_APPEND_CONTRACTS=1 to promise {new:#?}");
}

#[test]
fn everything_is_documented() {
    for file in files() {
        let source = file.source_code_info.as_ref().expect("the compiler keeps comments");
        let documented: BTreeSet<&[i32]> = source
            .location
            .iter()
            .filter(|location| !location.leading_comments().trim().is_empty())
            .map(|location| location.path.as_slice())
            .collect();
        // Field numbers of FileDescriptorProto and what it holds: 4 messages, 5 enums, 6 services; 2 their members.
        let mut paths = Vec::new();
        for (kind, counts) in [
            (4, file.message_type.iter().map(|it| it.field.len()).collect::<Vec<_>>()),
            (5, file.enum_type.iter().map(|it| it.value.len()).collect()),
            (6, file.service.iter().map(|it| it.method.len()).collect()),
        ] {
            for (index, members) in counts.into_iter().enumerate() {
                let path = [kind, i32::try_from(index).unwrap()];
                paths.push(path.to_vec());
                paths.extend(
                    (0..members).map(|member| [path[0], path[1], 2, i32::try_from(member).unwrap()].to_vec()),
                );
            }
        }
        let silent: Vec<_> = paths.iter().filter(|path| !documented.contains(path.as_slice())).collect();
        assert!(silent.is_empty(), "{}: without a comment: {silent:?}", file.name());
    }
}

#[test]
fn the_tutorials_contract_is_byte_compatible() {
    use protobufs::recommendations::{BookRecommendation, RecommendationRequest, RecommendationResponse};

    // As the tutorial's own stubs write and read them.
    let request = RecommendationRequest { user_id: 1, category: 2, max_results: 3, ..Default::default() };
    assert_eq!(request.encode_to_vec(), [0x08, 1, 0x10, 2, 0x18, 3]);
    let answer = RecommendationResponse::decode(&b"\x0a\x08\x08\x04\x12\x04Dune"[..]).unwrap();
    let dune = BookRecommendation { id: 4, title: "Dune".to_owned(), ..Default::default() };
    assert_eq!(answer.recommendations, [dune]);
}
