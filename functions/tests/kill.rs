//! Tasks outlive the process that runs them: the real program, killed in the middle.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use testing::{eventually, free_port, http, on_both};

/// Tasks of a test, and how long each takes.
const TASKS: usize = 40;
const TIME: Duration = Duration::from_millis(500);

/// A fresh database and a folder with one function, gone at the end of the test.
struct Database {
    url: String,
    folder: tempfile::TempDir,
}

impl Database {
    fn new(url: impl FnOnce(&Path) -> Option<String>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("functions");
        fs::create_dir(&modules).unwrap();
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("guests/built/misbehave.wasm");
        fs::copy(built, modules.join("sleep.wasm")).unwrap();
        Some(Self { url: url(folder.path())?, folder })
    }

    fn sqlite() -> Option<Self> {
        Self::new(|folder| Some(format!("sqlite://{}/test.db", folder.display())))
    }

    fn postgres() -> Option<Self> {
        Self::new(|_| testing::postgres())
    }
}

/// The program, killed when it is dropped.
struct Process {
    child: testing::Process,
    address: SocketAddr,
}

impl Process {
    fn start(database: &Database) -> Self {
        let (port, admin) = (free_port(), free_port());
        let child = Command::new(env!("CARGO_BIN_EXE_functions"))
            .env("FUNCTIONS_BIND", format!("127.0.0.1:{port}"))
            .env("FUNCTIONS_ADMIN_BIND", format!("127.0.0.1:{admin}"))
            .env("FUNCTIONS_TASKS_AT_ONCE", "4")
            .env("SHELFWISE_DATA", database.folder.path())
            .env("DATABASE_URL", &database.url)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let admin = SocketAddr::from(([127, 0, 0, 1], admin));
        eventually("the program is ready", Duration::from_secs(60), || {
            http::get(admin, "/ready").ok().filter(|answer| answer.status == 200)
        });
        Self { child: testing::Process(child), address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// `kill -9`.
    fn kill(mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    /// Makes a task and says where it is.
    fn task(&self) -> String {
        let body = format!(r#"{{"do":"sleep","milliseconds":{}}}"#, TIME.as_millis());
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = "POST /sleep HTTP/1.1\r\nhost: x\r\nconnection: close\r\nprefer: respond-async\r\n";
        let head = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
        let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
        location.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn look(&self, path: &str) -> Value {
        let answer = http::get(self.address, path).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The first tasks that are found to have succeeded; none may have failed.
    fn first_succeeded(&self, paths: &[String], count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        for path in paths {
            found.extend(self.succeeded(std::slice::from_ref(path)));
            if found.len() == count {
                break;
            }
        }
        found
    }

    /// The tasks that have succeeded; none may have failed.
    fn succeeded(&self, paths: &[String]) -> Vec<Value> {
        let tasks = paths.iter().map(|path| self.look(path));
        let ended = tasks.filter(|task| !matches!(task["state"].as_str(), Some("scheduled" | "running")));
        ended.inspect(|task| assert_eq!(task["state"], "succeeded", "{task}")).collect()
    }
}

on_both! {
    async fn a_killed_process_loses_no_task_and_repeats_none_that_finished(database: Database) {
        tokio::task::spawn_blocking(move || {
            let process = Process::start(&database);
            let paths: Vec<_> = (0..TASKS).map(|_| process.task()).collect();
            let before = eventually("some have ended, and some not", Duration::from_secs(30), || {
                // No longer than it takes: the others go on meanwhile.
                let ended = process.first_succeeded(&paths, 6);
                (ended.len() == 6).then_some(ended)
            });
            process.kill();

            let process = Process::start(&database);
            let after = eventually("all have ended", Duration::from_secs(60), || {
                let ended = process.succeeded(&paths);
                (ended.len() == TASKS).then_some(ended)
            });
            let same = |task: &&Value| after.iter().any(|other| other == *task);
            assert_eq!(before.iter().filter(same).count(), before.len(), "what had ended is as it was");
            // As many as ran at the moment were begun twice, and no more.
            let twice = after.iter().filter(|task| task["attempts"] == 2).count();
            let once = after.iter().filter(|task| task["attempts"] == 1).count();
            assert!(twice <= 4 && once + twice == TASKS, "{once} once and {twice} twice of {TASKS}");
            assert!(after.iter().all(|task| task["result"]["slept"] == TIME.as_millis() as u64));
        })
        .await
        .unwrap();
    }

    async fn another_process_takes_over(database: Database) {
        tokio::task::spawn_blocking(move || {
            let (first, second) = (Process::start(&database), Process::start(&database));
            let paths: Vec<_> = (0..TASKS).map(|number| if number % 2 == 0 { first.task() } else { second.task() }).collect();
            eventually("some have ended", Duration::from_secs(30), || (second.succeeded(&paths).len() >= 6).then_some(()));
            first.kill();
            let after = eventually("all have ended", Duration::from_secs(60), || {
                let ended = second.succeeded(&paths);
                (ended.len() == TASKS).then_some(ended)
            });
            let attempts: u64 = after.iter().filter_map(|task| task["attempts"].as_u64()).sum();
            assert!((TASKS as u64..=TASKS as u64 + 4).contains(&attempts), "{attempts} attempts at {TASKS} tasks");
        })
        .await
        .unwrap();
    }
}
