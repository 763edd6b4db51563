//! The operator's commands.

use std::{io::Write as _, os::unix::fs::PermissionsExt as _, process::Stdio, time::Duration};

use testing::{eventually, http};

use crate::process::{Suite, run, shelfwise};

const ROWS: &str = "title,authors,year,categories,subjects\n\
    Planetes,Makoto Yukimura,1999,Manga,space debris;orbits\n\
    ,Nobody,2000,Manga,no title\n\
    Yotsuba&!,Kiyohiko Azuma,2003,Manga;Children,childhood\n\
    Akira,Katsuhiro Otomo,soon,Manga,Tokyo\n";

#[test]
fn books_are_imported_beside_a_running_suite_and_shown_at_once() {
    let suite = Suite::start();
    let file = suite.data.path().join("shop.csv");
    std::fs::write(&file, ROWS).unwrap();
    let import =
        || run(shelfwise().args(["import", "books"]).arg(&file).arg("--data").arg(suite.data.path()));

    let first = import();
    assert_eq!(first.code, Some(0), "{}", first.err);
    assert!(first.out.contains("2 new, 0 changed, 0 unchanged, 2 rejected"), "{}", first.out);
    let rejected: Vec<_> = first.err.lines().collect();
    assert!(
        rejected.len() == 2 && rejected[0].starts_with("3\t") && rejected[1].starts_with("5\t"),
        "{rejected:?}"
    );

    let page = eventually("the new shelf", Duration::from_secs(15), || {
        http::get(suite.pages, "/categories/manga").ok().filter(|page| page.status == 200)
    });
    assert!(page.body.contains("Planetes"), "{}", page.body);

    let second = import();
    assert!(second.out.contains("0 new, 0 changed, 2 unchanged, 2 rejected"), "{}", second.out);
}

#[test]
fn rejected_rows_go_to_a_file_and_standard_input_is_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("rejected.tsv");
    let file = folder.path().join("rows");
    std::fs::write(&file, ROWS).unwrap();
    let mut command = shelfwise();
    command.args(["import", "books", "-", "--format", "csv", "--data"]).arg(folder.path().join("data"));
    command.arg("--rejected").arg(&list).stdin(std::fs::File::open(&file).unwrap());
    let ended = run(&mut command);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    assert_eq!(std::fs::read_to_string(list).unwrap().lines().count(), 2);
}

#[test]
fn rejected_rows_never_take_the_place_of_the_file_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.csv");
    std::fs::write(&file, ROWS).unwrap();
    let mut command = shelfwise();
    command.args(["import", "books"]).arg(&file).arg("--rejected").arg(&file);
    let ended = run(command.arg("--data").arg(folder.path().join("data")));
    assert_eq!(ended.code, Some(64), "{}", ended.err);
    assert!(ended.err.contains("--rejected") && ended.err.contains("name another"), "{}", ended.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), ROWS);
}

#[test]
fn a_file_that_is_none_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = folder.path().join("books.pdf");
    std::fs::write(&unknown, "%PDF").unwrap();
    let untitled = folder.path().join("books.csv");
    std::fs::write(&untitled, "name,year\nDune,1965\n").unwrap();
    let missing = folder.path().join("missing.csv");
    for (file, code) in [(unknown, 64), (untitled, 64), (missing, 74), (folder.path().join("."), 74)] {
        let ended = run(shelfwise().args(["import", "books"]).arg(&file).arg("--data").arg(folder.path()));
        assert_eq!(ended.code, Some(code), "{}: {}", file.display(), ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
}

#[test]
fn a_large_file_is_imported_in_bounded_memory() {
    const ROWS: usize = 4_000;
    let folder = tempfile::tempdir().unwrap();
    let mut child = shelfwise()
        .args(["import", "books", "-", "--format", "jsonl", "--data"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let padding = " ".repeat(64 * 1024);
    for number in 0..ROWS {
        writeln!(stdin, r#"{{"title": "Book {number}",{padding}"categories": ["poetry"]}}"#).unwrap();
    }
    // All but the end was taken: what the process needed at most is known before it ends.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("{ROWS} new")), "{said}");
    assert!(peak * 1024 < ROWS * padding.len() / 2, "{peak} kB for a file of {} kB", ROWS * 64);
}

#[test]
fn certificates_are_made_and_made_again_by_the_same_authority() {
    let folder = tempfile::tempdir().unwrap();
    let certs = || run(shelfwise().arg("certs").arg(folder.path()).args(["--name", "books.example"]));
    let ended = certs();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let (authority, server) = (read("ca.pem"), read("server.pem"));
    let rights = std::fs::metadata(folder.path().join("server.key")).unwrap().permissions().mode();
    assert_eq!(rights & 0o077, 0, "keys are their owner's alone");
    assert_eq!(certs().code, Some(0));
    assert!(authority == read("ca.pem") && server != read("server.pem"));
    // Half an authority is neither used nor replaced.
    for (half, other) in [("ca.pem", "ca.key"), ("ca.key", "ca.pem")] {
        let (lost, kept) = (read(half), read(other));
        std::fs::remove_file(folder.path().join(half)).unwrap();
        let ended = certs();
        assert!(ended.code == Some(74) && ended.err.contains(&format!("/{half}: ")), "{}", ended.err);
        assert!(kept == read(other) && !folder.path().join(half).exists());
        std::fs::write(folder.path().join(half), lost).unwrap();
    }
    std::fs::write(folder.path().join("ca.key"), "no key").unwrap();
    let ended = certs();
    assert!(ended.code == Some(74) && ended.err.contains("/ca.key: "), "{}", ended.err);
    assert_eq!(read("ca.key"), b"no key");
    assert_eq!(run(shelfwise().args(["certs", "/dev/null/below"])).code, Some(74));
    for name in ["two words", "", "-"] {
        let ended = run(shelfwise().arg("certs").arg(folder.path().join("new")).arg("--name").arg(name));
        assert_eq!(ended.code, Some(64), "{name}: {}", ended.err);
        assert_eq!(ended.err, format!("error: --name: {name:?}: not a host name or an address\n"));
        assert!(!folder.path().join("new").exists(), "nothing was made");
    }
}

#[test]
fn the_key_of_the_authority_stays_apart_from_what_servers_and_clients_see() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let certs = || {
        let mut command = shelfwise();
        command.arg("certs").arg(place("authority"));
        run(command.arg("--server").arg(place("server")).arg("--client").arg(place("client")))
    };
    let names = |folder: &str| {
        let mut names: Vec<_> = std::fs::read_dir(place(folder))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    };
    let read = |name: &str| std::fs::read(place(name)).unwrap();
    let ended = certs();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(names("authority"), ["ca.key", "ca.pem"]);
    assert_eq!(names("server"), ["ca.pem", "server.key", "server.pem"]);
    assert_eq!(names("client"), ["ca.pem", "client.key", "client.pem"]);
    let printed: Vec<_> = ended.out.lines().map(std::path::PathBuf::from).collect();
    assert!(printed.len() == 8 && printed.iter().all(|file| file.is_file()), "{}", ended.out);
    assert!(
        read("authority/ca.pem") == read("server/ca.pem") && read("server/ca.pem") == read("client/ca.pem")
    );
    for key in ["authority/ca.key", "server/server.key", "client/client.key"] {
        let rights = std::fs::metadata(place(key)).unwrap().permissions().mode();
        assert_eq!(rights & 0o077, 0, "{key} is its owner's alone");
    }

    // An authority that is being changed: servers and clients are given both.
    let both = [read("authority/ca.pem"), b"-----BEGIN CERTIFICATE-----\n".to_vec()].concat();
    std::fs::write(place("authority/ca.pem"), &both).unwrap();
    let server = read("server/server.pem");
    assert_eq!(certs().code, Some(0));
    assert!(read("authority/ca.pem") == both && read("client/ca.pem") == both);
    assert_ne!(read("server/server.pem"), server);
}

#[test]
fn half_a_command_is_answered_with_what_may_follow() {
    for (half, whole) in [("import", "goodreads"), ("export", "ratings"), ("simulated", "erase")] {
        let ended = run(shelfwise().arg(half));
        assert_eq!((ended.code, ended.out.as_str()), (Some(64), ""), "{half}: {}", ended.err);
        assert!(ended.err.contains(whole), "{half}: {}", ended.err);
    }
}

#[test]
fn whoever_reads_no_further_ends_a_command_well() {
    let mut command = shelfwise();
    command.arg("settings").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn every_setting_is_shown_with_its_variable() {
    let ended = run(shelfwise().arg("settings"));
    for variable in [
        "RECOMMENDATIONS_BIND",
        "MARKETPLACE_BIND",
        "FUNCTIONS_BIND",
        "RECOMMENDATIONS_HOST",
        "DATABASE_URL",
        "SHELFWISE_LOG",
    ] {
        assert!(ended.out.contains(variable), "{variable} in\n{}", ended.out);
    }
}
