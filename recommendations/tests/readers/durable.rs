//! What was answered survives the end of the process, however sudden.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use protobufs::readers::readers_service_client::ReadersServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::{Client, dismissal, history, rating, stars};

/// The real binary, killed when it goes out of scope.
pub(crate) struct Process {
    child: testing::Process,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Process {
    pub(crate) fn start(url: &str, folder: &std::path::Path) -> Self {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (address, admin) = (address(testing::free_port()), address(testing::free_port()));
        let child = Command::new(env!("CARGO_BIN_EXE_recommendations"))
            .args(["--bind", &address.to_string(), "--admin-bind", &admin.to_string(), "--log", "warn"])
            .args(["--simulated-readers", "false", "--train", "false"])
            .arg("--data")
            .arg(folder)
            .env("DATABASE_URL", url)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self { child: testing::Process(child), address, admin };
        tokio::task::block_in_place(|| {
            testing::eventually("the server is ready", Duration::from_secs(60), || {
                testing::http::get(process.admin, "/ready").ok().filter(|answer| answer.status == 200)
            });
        });
        process
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        ReadersServiceClient::new(self.channel().await)
    }

    /// How many bytes of memory it has, where the system tells.
    pub(crate) fn memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or_default() * 1024
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }
}

crate::on_both! {
    async fn killed_right_after_the_answer(database: Database) {
        let folder = tempfile::tempdir().unwrap();
        for round in 1..=5 {
            let process = Process::start(&database.url, folder.path());
            let mut client = process.client().await;
            // What the last one was told is there.
            assert_eq!(stars(&mut client, 7).await.len(), usize::try_from(round - 1).unwrap());
            client.rate(rating(7, round, 3.5)).await.unwrap();
            process.kill();
        }
        let process = Process::start(&database.url, folder.path());
        let mut client = process.client().await;
        let expected: Vec<_> = (1..=5).map(|book| (book, 3.5)).collect();
        assert_eq!(stars(&mut client, 7).await, expected);
        // The same for what is taken away.
        client.dismiss(dismissal(7, 1)).await.unwrap();
        process.kill();
        let process = Process::start(&database.url, folder.path());
        assert!(history(&mut process.client().await, 7).await.iter().any(|it| it.book_id == 1 && it.dismissed));
    }

    async fn killed_under_load(database: Database) {
        let folder = tempfile::tempdir().unwrap();
        let process = Process::start(&database.url, folder.path());
        let client = process.client().await;
        // Each reader rates one book after the other until the server is gone, and counts the answers.
        let all = Arc::new(AtomicUsize::new(0));
        let readers: Vec<_> = (1..=32)
            .map(|reader| {
                let (mut client, all) = (client.clone(), Arc::clone(&all));
                tokio::spawn(async move {
                    let mut answered = 0;
                    for book in 1..=500 {
                        if client.rate(rating(reader, book, 3.0)).await.is_err() {
                            break;
                        }
                        answered = book;
                        all.fetch_add(1, Ordering::Relaxed);
                    }
                    (reader, answered)
                })
            })
            .collect();
        crate::within(Duration::from_secs(60), true, async || all.load(Ordering::Relaxed) >= 200).await;
        process.kill();
        let mut counts = Vec::new();
        for reader in readers {
            counts.push(reader.await.unwrap());
        }
        assert!(counts.iter().any(|&(_, answered)| answered > 0), "{counts:?}");
        let process = Process::start(&database.url, folder.path());
        let mut client = process.client().await;
        for (reader, answered) in counts {
            let known = stars(&mut client, reader).await.len();
            let answered = usize::try_from(answered).unwrap();
            assert!(known >= answered, "reader {reader}: {known} of {answered} answered ratings are left");
        }
    }
}
