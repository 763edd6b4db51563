//! What a newcomer sees first, and what goes wrong at the start.

use std::{net::TcpListener, os::unix::fs::PermissionsExt as _, process::Command};

use testing::http;

use crate::process::{Suite, run, shelfwise};

#[test]
fn it_says_where_everything_is_and_how_to_try_it() {
    let suite = Suite::start();
    let printed = suite.printed();
    for expected in [
        suite.grpc.to_string(),
        suite.grpc_admin.to_string(),
        suite.pages.to_string(),
        suite.pages_admin.to_string(),
        suite.functions.to_string(),
        suite.functions_admin.to_string(),
        suite.data.path().display().to_string(),
        format!("deployed with the token in {}", suite.data.path().join("token").display()),
        format!(
            "grpcurl -plaintext -d '{{\"user_id\": 1, \"category\": \"MYSTERY\", \"max_results\": 3}}' {}",
            suite.grpc
        ),
        format!("http://{}/", suite.pages),
    ] {
        assert!(printed.contains(&expected), "{expected} in\n{printed}");
    }
    assert!(suite.data.path().join("shelfwise.db").is_file());
}

#[test]
fn an_ephemeral_suite_keeps_nothing() {
    let home = tempfile::tempdir().unwrap();
    let ports: Vec<_> = (0..6).map(|_| format!("127.0.0.1:{}", testing::free_port())).collect();
    let mut child = shelfwise()
        .arg("--ephemeral")
        .current_dir(home.path())
        .env("HOME", home.path())
        .env("SHELFWISE_DATA", home.path().join("data"))
        .env("OBJECTS_URL", format!("file://{}", home.path().join("objects").display()))
        .env("RECOMMENDATIONS_BIND", &ports[0])
        .env("RECOMMENDATIONS_ADMIN_BIND", &ports[1])
        .env("MARKETPLACE_BIND", &ports[2])
        .env("MARKETPLACE_ADMIN_BIND", &ports[3])
        .env("FUNCTIONS_BIND", &ports[4])
        .env("FUNCTIONS_ADMIN_BIND", &ports[5])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let ready = std::panic::catch_unwind(|| {
        testing::eventually("ready", std::time::Duration::from_secs(60), || {
            http::get(ports[3].parse().unwrap(), "/ready").ok().filter(|answer| answer.status == 200)
        });
        let page = http::get(ports[2].parse().unwrap(), "/").unwrap().body;
        assert_eq!(page.matches("<li>").count(), 3, "{page}");
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was written");
    ready.unwrap();
}

#[test]
fn a_port_that_is_taken_is_one_line_and_code_74() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(shelfwise().arg("--ephemeral").env("RECOMMENDATIONS_BIND", &address));
    assert_eq!(ended.code, Some(74), "{}", ended.err);
    assert_eq!(ended.err, format!("error: RECOMMENDATIONS_BIND: {address} is taken already\n"));
}

#[test]
fn a_folder_that_cannot_be_written_is_one_line_and_code_74() {
    // A file where the folder should be stops root, too; rights stop everybody else.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let locked = folder.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
    let root = std::fs::write(locked.join("probe"), "").is_ok();
    for data in [file.join("below"), if root { file.clone() } else { locked.clone() }] {
        let ended = run(shelfwise().arg("--data").arg(&data));
        assert_eq!(ended.code, Some(74), "{}", ended.err);
        assert!(
            ended.err.contains(&data.display().to_string()) && ended.err.lines().count() == 1,
            "{}",
            ended.err
        );
    }
}

#[test]
fn a_bad_setting_is_one_line_with_its_name_and_value_and_code_64() {
    for (variable, value, expected) in [
        ("RECOMMENDATIONS_BIND", "everywhere", "RECOMMENDATIONS_BIND: \"everywhere\""),
        ("RECOMMENDATIONS_MAX_RESULTS", "-1", "RECOMMENDATIONS_MAX_RESULTS: \"-1\""),
        ("RECOMMENDATIONS_SHUTDOWN_GRACE", "soon", "RECOMMENDATIONS_SHUTDOWN_GRACE: \"soon\""),
        ("RECOMMENDATIONS_TLS_CERT", "/nowhere/cert.pem", "RECOMMENDATIONS_TLS_KEY"),
        ("FUNCTIONS_BIND", "everywhere", "FUNCTIONS_BIND: \"everywhere\""),
        ("FUNCTIONS_POLL", "0s", "FUNCTIONS_POLL: \"0s\""),
        ("MARKETPLACE_CALL_DEADLINE", "300", "MARKETPLACE_CALL_DEADLINE: \"300\""),
        ("RECOMMENDATIONS_HOST", "", "RECOMMENDATIONS_HOST"),
        ("SHELFWISE_LOG_FORMAT", "xml", "SHELFWISE_LOG_FORMAT: \"xml\""),
        ("SHELFWISE_LOG", "a=b=c", "SHELFWISE_LOG"),
        ("SHELFWISE_DATA", "", "SHELFWISE_DATA: \"\": must not be empty"),
        ("RECOMMENDATIONS_CONNECTION_AGE", "0s", "RECOMMENDATIONS_CONNECTION_AGE"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "bogus", "OTEL_EXPORTER_OTLP_PROTOCOL: \"bogus\""),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "OTEL_TRACES_SAMPLER_ARG: \"2\""),
        ("OTEL_TRACES_SAMPLER", "parentbased_", "OTEL_TRACES_SAMPLER: \"parentbased_\""),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "zzz", "OTEL_EXPORTER_OTLP_ENDPOINT: \"zzz\""),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://shop", "OTEL_EXPORTER_OTLP_ENDPOINT: \"ftp://shop\""),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: \"http://\""),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "abc", "OTEL_EXPORTER_OTLP_TIMEOUT: \"abc\""),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: \"0\""),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", "OTEL_EXPORTER_OTLP_COMPRESSION: \"zip\""),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd", "_TRACES_COMPRESSION: \"zstd\""),
        // They may be keys, and are not shown.
        ("OTEL_EXPORTER_OTLP_HEADERS", "zz", "OTEL_EXPORTER_OTLP_HEADERS: ***: "),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b,c=%0a", "OTEL_EXPORTER_OTLP_TRACES_HEADERS: ***: "),
        ("OTEL_BSP_SCHEDULE_DELAY", "1s", "OTEL_BSP_SCHEDULE_DELAY: \"1s\""),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "OTEL_BSP_MAX_QUEUE_SIZE: \"many\""),
        ("OTEL_RESOURCE_ATTRIBUTES", "zz", "OTEL_RESOURCE_ATTRIBUTES: \"zz\""),
    ] {
        let mut command = anywhere();
        command.arg("--ephemeral");
        if variable.starts_with("OTEL") {
            command
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
                .env("OTEL_TRACES_SAMPLER", "traceidratio");
        }
        let ended = run(command.env(variable, value));
        assert_eq!(ended.code, Some(64), "{variable}: {} {}", ended.out, ended.err);
        assert!(ended.err.contains(expected) && ended.err.lines().count() == 1, "{variable}: {}", ended.err);
    }
    for (arguments, expected) in [
        (&["--nonsense"][..], "--nonsense"),
        (&["import", "books"], "<FILE>"),
        (&["--ephemeral", "import", "books", "books.csv"], "--ephemeral"),
    ] {
        let ended = run(shelfwise().args(arguments));
        assert_eq!((ended.code, ended.err.lines().count()), (Some(64), 1), "{}", ended.err);
        assert!(ended.err.contains(expected), "{}", ended.err);
    }
}

/// The suite on ports of its own, with settings that are read when it has them.
fn anywhere() -> Command {
    let mut command = shelfwise();
    for bind in [
        "RECOMMENDATIONS_BIND",
        "RECOMMENDATIONS_ADMIN_BIND",
        "MARKETPLACE_BIND",
        "MARKETPLACE_ADMIN_BIND",
        "FUNCTIONS_BIND",
        "FUNCTIONS_ADMIN_BIND",
    ] {
        command.env(bind, "127.0.0.1:0");
    }
    command
}

#[test]
fn what_cannot_be_used_is_said_before_anything_is_said_to_listen() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(run(shelfwise().arg("certs").arg(folder.path())).code, Some(0));
    std::fs::write(path("text"), "neither a database nor a certificate\n".repeat(100)).unwrap();
    let sqlite = format!("sqlite://{}", path("text"));
    let postgres = format!("postgres://shop@127.0.0.1:{}/shop?password=top&secret", testing::free_port());
    let (none, text, key, ca) = (path("none"), path("text"), path("server.key"), path("ca.pem"));
    let (server, client_key) = (path("server.pem"), path("client.key"));
    for (code, name, variables) in [
        (74, "cannot open the database", &[("DATABASE_URL", sqlite.as_str())][..]),
        (64, "DATABASE_URL postgres://shop@", &[("DATABASE_URL", &postgres)]),
        (64, &none, &[("RECOMMENDATIONS_TLS_CERT", &none), ("RECOMMENDATIONS_TLS_KEY", &key)]),
        (64, "no certificate", &[("RECOMMENDATIONS_TLS_CERT", &text), ("RECOMMENDATIONS_TLS_KEY", &key)]),
        (64, "_KEY", &[("RECOMMENDATIONS_TLS_CERT", &server), ("RECOMMENDATIONS_TLS_KEY", &client_key)]),
        (64, "RECOMMENDATIONS_TLS_CERT", &[("RECOMMENDATIONS_TLS_CA", &ca)]),
        (64, &none, &[("MARKETPLACE_TLS_CA", &none)]),
        (64, "MARKETPLACE_TLS_", &[("MARKETPLACE_TLS_CA", &text)]),
        (64, "MARKETPLACE_HTTPS", &[("MARKETPLACE_HTTPS", "true")]),
    ] {
        let mut command = anywhere();
        let ended = run(command.arg("--data").arg(folder.path()).envs(variables.iter().copied()));
        assert_eq!(ended.code, Some(code), "{variables:?}: {}", ended.err);
        assert!(ended.err.starts_with("error: ") && ended.err.contains(name), "{variables:?}: {}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert_eq!(ended.out, "", "{variables:?}");
        assert!(!ended.err.contains("secret"), "{}", ended.err);
    }
}

#[test]
fn a_database_of_another_kind_is_a_wrong_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.jsonl");
    std::fs::write(&file, "").unwrap();
    let start = anywhere();
    let mut import = shelfwise();
    import.args(["import", "books"]).arg(&file);
    for mut command in [start, import] {
        let ended = run(command.arg("--data").arg(folder.path()).env("DATABASE_URL", "mysql://x/y"));
        assert_eq!(ended.code, Some(64), "{}", ended.err);
        assert!(ended.err.starts_with("error: DATABASE_URL mysql://x/y: "), "{}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    }
}

#[test]
fn a_database_that_is_not_there_is_one_line_without_its_password() {
    let mut command = anywhere();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("postgres://shop:secret@127.0.0.1:{}/shop", testing::free_port());
    let ended = run(command.arg("--data").arg(folder.path()).env("DATABASE_URL", url));
    assert_eq!(ended.code, Some(74), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(!ended.err.contains("secret") && !ended.out.contains("secret"), "{}", ended.err);
}
