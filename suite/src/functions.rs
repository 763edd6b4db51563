mod server;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use service::Failure;

use self::server::{Body, Server};

/// Deploy functions, look at them, and call them, at a running server
#[derive(Args, Debug)]
pub(crate) struct Functions {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: server::Settings,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Let a module answer, if it compiles and fits its manifest
    Deploy {
        /// The module, such as gojson.wasm
        file: PathBuf,
        /// What it is called [default: the name of the file]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Its manifest [default: FILE with .toml at its end if there is one, else the one that the server has]
        #[arg(long, value_name = "FILE")]
        manifest: Option<PathBuf>,
    },
    /// Show all functions, and what was refused
    List,
    /// Let the version answer that did before
    Rollback {
        /// Whose
        name: String,
        /// The number of another version, such as 3
        version: Option<String>,
    },
    /// Show the versions that are kept, the newest first
    Versions {
        /// Whose
        name: String,
    },
    /// Show the last lines that a function has written to stderr and to its log
    Logs {
        /// Whose
        name: String,
        /// How many at most
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        lines: usize,
        /// Only those of one call, by the x-request-id of its answer
        #[arg(long, value_name = "ID")]
        request: Option<String>,
    },
    /// Call a function and write what it answers to standard output
    Call {
        /// Which one
        name: String,
        /// The input
        #[arg(long, value_name = "JSON", conflicts_with = "file")]
        input: Option<String>,
        /// The body, - for standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Remove a function with all its versions
    Delete {
        /// Which one
        name: String,
    },
    /// Check a configuration file of the functions service, and show what its settings come to; asks no server
    CheckConfig {
        /// Which one [default: what FUNCTIONS_CONFIG names]
        file: Option<PathBuf>,
    },
}

impl Functions {
    pub(crate) fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        let Self { command, server } = self;
        if let Command::CheckConfig { file } = command {
            say!("{}", functions::config::check(file)?.trim_end());
            return Ok(());
        }
        service::block_on(async {
            let server = Server::new(server, data)?;
            match command {
                Command::Deploy { file, name, manifest } => deploy(&server, &file, name, manifest).await,
                Command::List => list(&server).await,
                Command::Rollback { name, version } => {
                    let query = version.map(|version| format!("?version={}", encoded(&version)));
                    let path = format!("{}/rollback{}", path(&name), query.unwrap_or_default());
                    let now = server.json(Method::POST, &path, Body::none()).await?;
                    show(&now);
                    Ok(())
                }
                Command::Versions { name } => versions(&server, &name).await,
                Command::Logs { name, lines, request } => {
                    let request = request.map(|request| format!("&request={}", encoded(&request)));
                    let query = format!("?lines={lines}{}", request.unwrap_or_default());
                    let path = format!("{}/logs{query}", path(&name));
                    let answer = server.json(Method::GET, &path, Body::none()).await?;
                    for line in answer["lines"].as_array().into_iter().flatten() {
                        say!("{}\t{}\t{}", text(&line["at"]), text(&line["request"]), text(&line["text"]));
                    }
                    Ok(())
                }
                Command::Call { name, input, file } => call(&server, &name, input, file).await,
                Command::Delete { name } => {
                    server.ask(Method::DELETE, &path(&name), Body::none()).await?;
                    say!("{name}\tdeleted");
                    Ok(())
                }
                Command::CheckConfig { .. } => unreachable!("it asks no server"),
            }
        })
    }
}

async fn deploy(
    server: &Server,
    file: &Path,
    name: Option<String>,
    manifest: Option<PathBuf>,
) -> Result<(), Failure> {
    let module = read(file)?;
    let name = name.or_else(|| Some(file.file_stem()?.to_str()?.to_owned()));
    let name =
        name.ok_or_else(|| Failure::usage(format!("{}: no name; give one by --name", file.display())))?;
    let beside = Some(file.with_extension("toml")).filter(|beside| beside != file && beside.is_file());
    let body = match manifest.or(beside) {
        Some(manifest) => Body::form(&[("module", &module), ("manifest", &read(&manifest)?)]),
        None => Body::new("application/wasm", module),
    };
    show(&server.json(Method::PUT, &path(&name), body).await?);
    Ok(())
}

async fn list(server: &Server) -> Result<(), Failure> {
    let all = server.json(Method::GET, "/functions", Body::none()).await?;
    for function in all["functions"].as_array().into_iter().flatten() {
        show(function);
    }
    match all["store"].as_str() {
        Some("away") => {
            Err(Failure::io("the server's store of modules does not answer: what changes there is not seen"))
        }
        _ => Ok(()),
    }
}

async fn versions(server: &Server, name: &str) -> Result<(), Failure> {
    let function = server.json(Method::GET, &path(name), Body::none()).await?;
    let Some(versions) = function["versions"].as_array() else {
        return Err(Failure::io("the server's store of modules does not answer"));
    };
    for version in versions {
        let state = if version["answers"] == json!(true) { "answers" } else { "kept" };
        say!("{}\t{state}\t{}\t{} bytes", text(&version["version"]), text(&version["at"]), version["bytes"]);
    }
    Ok(())
}

async fn call(
    server: &Server,
    name: &str,
    input: Option<String>,
    file: Option<PathBuf>,
) -> Result<(), Failure> {
    let (method, body) = match (input, file) {
        (Some(input), _) => (Method::POST, Body::new("application/json", input.into_bytes())),
        (None, Some(file)) => (Method::POST, Body::new("application/octet-stream", read(&file)?)),
        (None, None) => (Method::GET, Body::none()),
    };
    let answer = server.ask(method, &format!("/{}", encoded(name)), body).await?;
    let written = io::stdout().write_all(&answer).and_then(|()| io::stdout().flush());
    match written {
        // Whoever reads has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::io(format!("standard output: {error}"))),
    }
}

/// One line a function: name, version, state, kind, calls, times, and why its latest files were refused.
fn show(function: &Value) {
    let calls = &function["calls"];
    let counted = match calls["answered"].as_u64() {
        Some(answered) => format!(
            "{answered} answered, {} failed, p50 {} ms, p99 {} ms",
            calls["failed"], calls["p50_ms"], calls["p99_ms"]
        ),
        None => String::new(),
    };
    let columns = ["name", "version", "state", "kind"].map(|column| text(&function[column]));
    say!("{}\t{counted}\t{}", columns.join("\t"), text(&function["refused"]["reason"]));
}

/// A text that cannot command a terminal.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let plain = |letter: char| match letter.is_control() {
        true => letter.escape_unicode().to_string(),
        false => letter.to_string(),
    };
    text.chars().map(plain).collect()
}

fn path(name: &str) -> String {
    format!("/functions/{}", encoded(name))
}

/// Whatever is given as a name, it is one part of an address.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(plain).collect()
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        fs::read(file)
    };
    read.map_err(|error| Failure::io(format!("{}: {error}", file.display())))
}

/// What a server's refusal means for whoever gave the command.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = match text(&problem["title"]) {
        title if title.is_empty() => format!("the server answered {status}"),
        title => title,
    };
    if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
        Failure::usage(message)
    } else {
        Failure::io(message)
    }
}
