//! What the documents tell people to type, against what there is: programs, their commands and flags, variables, paths, calls.

mod calls;
mod commands;
mod program;
mod shell;

use std::{fs, path::Path};

use commands::{Checker, Typed};

/// Every command of these is looked at.
const DOCUMENTS: [&str; 4] =
    ["README.md", "CONTRIBUTING.md", "deploy/README.md", "recommendations/README.md"];

/// The checkout.
fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A document's blocks of commands, and its pieces of code within sentences. Blocks that show something else say of what kind they are.
fn parts(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut blocks, mut prose, mut shown) = (Vec::new(), String::new(), None);
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut shown) {
            (Some(kind), None) => shown = Some((matches!(kind, "" | "sh"), String::new())),
            (Some(_), Some(_)) => {
                blocks.extend(shown.take().filter(|(typed, _)| *typed).map(|(_, block)| block))
            }
            (None, Some((_, block))) => *block += &format!("{line}\n"),
            (None, None) => prose += &format!("{line}\n"),
        }
    }
    assert!(shown.is_none(), "a block does not end");
    let addresses = prose.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    let spans = prose.split('`').skip(1).step_by(2).chain(addresses.filter(|it| it.starts_with("http")));
    (blocks, spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

#[test]
fn every_command_in_the_documents_can_be_typed() {
    let checker = Checker::new();
    let (mut wrong, mut looked_at) = (Vec::new(), 0);
    for document in DOCUMENTS {
        let (blocks, spans) = parts(&read(document));
        let mut check = |command: &[String], typed| {
            looked_at += 1;
            if let Err(why) = checker.check(command, typed) {
                wrong.push(format!("{document}: {}: {why}", command.join(" ")));
            }
        };
        for block in &blocks {
            shell::commands(block).iter().for_each(|command| check(command, Typed::Whole));
        }
        for span in &spans {
            shell::commands(span).iter().for_each(|command| check(command, Typed::InASentence));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked_at > 150, "only {looked_at} were found");
}

#[test]
fn a_command_that_is_no_longer_there_would_be_found() {
    let checker = Checker::new();
    for wrong in [
        "shelfwise --dta DIR",
        "shelfwise import book FILE",
        "shelfwise import books FILE FILE",
        "shelfwise import books books.csv --rejectd FILE",
        "cargo run --release -- train --wat",
        "cargo run --release -- setting",
        "cargo run -p recommendation -- --help",
        "cargo run -p recommendations -- --bond 127.0.0.1:1",
        "cargo test -p suit",
        "cargo test -p suite --test documentz",
        "SHELFWISE_REQUIRE_TOOL=1 cargo test --workspace",
        "RECOMMENDATIONS_TRAINS=false cargo run",
        "docker build -f deploy/Dockerfile --build-arg SERVICE=market .",
        "docker build -f Dockerfile .",
        "docker compose -f deploy/compose.yml up",
        "kubectl apply -k deploy/kubernetes/overlays/locl",
        "kubectl -n shelfwis get pods",
        "kubectl -n shelfwise create secret generic shelfwise-key --from-literal=SHELFWISE_TOKEN=x",
        "kubectl -n shelfwise create secret generic shelfwise-keys --from-literal=SHELFWISE_TOKENS=x",
        "kubectl -n shelfwise create secret generic functions-tls --from-file=tls.crt=customer.pem",
        "deploy/testbed/docker.sh upp",
        "deploy/testbed/dokker.sh up",
        "deploy/README.md",
        "curl http://127.0.0.1:8000/hallo",
        "curl http://127.0.0.1:8001/hello",
        "grpcurl -plaintext 127.0.0.1:50051 Recommendations/Recommended",
        r#"grpcurl -plaintext -d '{"user": 1}' 127.0.0.1:50051 Recommendations/Recommend"#,
        r#"grpcurl -plaintext -d '{"category": "MYSTERIES"}' 127.0.0.1:50051 Recommendations/Recommend"#,
        r#"grpcurl -plaintext -d '{"session_ratings": [{"book": 6}]}' 127.0.0.1:50051 Recommendations/Recommend"#,
        "made-up command",
    ] {
        let commands = shell::commands(wrong);
        assert_eq!(commands.len(), 1, "{wrong}");
        assert!(checker.check(&commands[0], Typed::Whole).is_err(), "{wrong}");
    }
    for wrong in ["--ephmeral", "RECOMMENDATIONS_TRAINS", "SHELFWISE_TOKENS=1", "suite/tests/dokker.rs"] {
        let commands = shell::commands(wrong);
        assert_eq!(commands.len(), 1, "{wrong}");
        assert!(checker.check(&commands[0], Typed::InASentence).is_err(), "{wrong}");
    }
}

#[test]
fn what_the_documents_link_to_is_there() {
    for document in DOCUMENTS.into_iter().chain(["ARCHITECTURE.md", "CHANGELOG.md", "benchmarks/README.md"]) {
        let text = read(document);
        let folder = workspace().join(document).parent().unwrap().to_owned();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        for link in links.filter(|link| !link.contains("://")) {
            let file = link.split('#').next().unwrap();
            assert!(folder.join(file).exists(), "{document} links to {link}");
        }
    }
}
