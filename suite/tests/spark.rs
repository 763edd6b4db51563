//! The Spark job of `deploy/spark` for real: ratings in, an artefact out, served unchanged and as good as our own ALS.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use protobufs::{
    readers::{Entry, ImportHistoryRequest, readers_service_client::ReadersServiceClient},
    recommendations::{RecommendationRequest, recommendations_client::RecommendationsClient},
};
use recommendations::{
    artefact::{self, Manifest, Trained},
    evaluate::{self, HeldOut, Trial},
    import,
    loading::Loader,
    models::{self, Interaction, Kind, Parameters, Progress, Run},
    simulate,
    store::Store,
};
use storage::Objects;
use testing::{Process, S3};
use tonic::transport::{Channel, Endpoint};

/// Where Debian puts PostgreSQL's driver.
const DRIVER: &str = "/usr/share/java/postgresql.jar";
/// One Spark at a time is enough for two cores.
static SPARK: Mutex<()> = Mutex::new(());

/// Spark's Python, where `deploy/spark/setup.sh` puts it, if it and Java are there.
fn spark() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let python = cache.join("shelfwise-testbed/spark/bin/python3");
    testing::have(&["java", python.to_str().unwrap()]).then_some(python)
}

/// Runs the job on two threads; what it printed.
fn job(python: &Path, folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    let _alone = SPARK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let begun = Instant::now();
    let script = workspace().join("deploy/spark/train.py");
    let mut command = Command::new(python);
    command.arg(script).args(["--master", "local[2]", "--partitions", "2"]).args(arguments);
    // Two cores and seconds of work: the best compiler would only be in the way.
    command.env("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC");
    command.current_dir(folder).env("SPARK_LOCAL_IP", "127.0.0.1").envs(variables.iter().copied());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    println!("Spark took {:.1} s", begun.elapsed().as_secs_f64());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Rows that name readers and books as they are for ever.
type Named = Vec<(i32, i32, Option<f32>)>;

/// The artefact, and both models' NDCG@10 on the same trial: the artefact's, and that of our own ALS with these parameters.
struct Compared {
    manifest: Manifest,
    trained: Trained,
    trial: Trial,
    spark: f64,
    ours: f64,
}

async fn compare(
    objects: &Path,
    version: &str,
    train: &Named,
    test: &Named,
    set: &[(&str, f64)],
) -> Compared {
    let objects = Objects::open(Some(&format!("file://{}", objects.display())), None).unwrap();
    let store = artefact::read_manifest(&objects, version).await.unwrap().store;
    let (manifest, trained) = artefact::read(&objects, version, &store).await.unwrap();

    let mut readers: Vec<i32> = train.iter().map(|row| row.0).collect();
    readers.sort_unstable();
    readers.dedup();
    let place = |(reader, book, stars): &(i32, i32, Option<f32>)| {
        let reader = readers.binary_search(reader).ok()? as u32;
        Some(Interaction { reader, book: trained.books.binary_search(book).ok()? as u32, stars: *stars })
    };
    let numbered = |rows: &Named| rows.iter().filter_map(place).collect::<Vec<_>>();
    let trial = Trial::new(readers.len(), trained.books.len(), &numbered(train), &numbered(test)).unwrap();
    assert_eq!(manifest.data.interactions, trial.data.len() as u64, "the server's rule for positives");

    let mut parameters = Parameters::default();
    set.iter().for_each(|(name, value)| parameters.set(name, *value).unwrap());
    let run = Run::new(2, Progress::new()).unwrap();
    let own = models::train(Kind::Als, &trial.data, None, &parameters, &run).unwrap();
    let ndcg = |model| evaluate::rank(model, &trial, 20, &run).unwrap().quality(&trial).ndcg;
    let (spark, ours) = (ndcg(&trained.model), ndcg(&own));
    Compared { spark, ours, manifest, trained, trial }
}

/// What simulated readers rate: the generator that a fresh suite starts with, four times over.
async fn generated() -> (Named, Named) {
    let store = Store::connect("sqlite::memory:").await.unwrap();
    import::sample(&store).await.unwrap();
    let snapshot = Loader::start(store, None).await.unwrap().current().load_full();
    let held_out = HeldOut { key: 7, share: 0.2 };
    let mut reader = 0;
    let (mut last, mut all) = (0, Named::new());
    for seed in 1..=4 {
        for (simulated, entry) in simulate::readers(&snapshot.catalogue, seed, 1_700_000_000) {
            if simulated != last {
                (reader, last) = (reader + 1, simulated);
            }
            all.push((reader, entry.book, entry.stars.map(|stars| stars.value())));
        }
    }
    all.into_iter().partition(|row| !held_out.holds(row.0.into(), row.1.into()))
}

/// A suite over this database and object store that trains nothing itself, and where its gRPC listens.
fn serve(folder: &Path, variables: &[(&str, &str)]) -> (Process, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], testing::free_port()));
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shelfwise"));
    command.env_clear().arg("--data").arg(folder.join("data")).envs(variables.iter().copied());
    command
        .env("RECOMMENDATIONS_BIND", address.to_string())
        .env("RECOMMENDATIONS_ADMIN_BIND", "127.0.0.1:0")
        .env("MARKETPLACE_BIND", "127.0.0.1:0")
        .env("MARKETPLACE_ADMIN_BIND", "127.0.0.1:0")
        .env("FUNCTIONS_BIND", "127.0.0.1:0")
        .env("FUNCTIONS_ADMIN_BIND", "127.0.0.1:0")
        .env("RECOMMENDATIONS_TRAIN", "false");
    (Process(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()), address)
}

/// What one of the operator's commands printed.
fn operator(server: SocketAddr, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shelfwise"));
    let output =
        command.env_clear().env("RECOMMENDATIONS_HOST", server.to_string()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn channel(server: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{server}")).unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        match endpoint.connect().await {
            Ok(channel) => return channel,
            Err(error) => assert!(Instant::now() < limit, "the server does not listen: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_on_a_database_makes_what_is_served_unchanged() {
    let Some(python) = spark() else { return };
    let Some(database) = testing::postgres() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some((_s3, bucket)) = S3::over(folder.path()) else { return };
    if !testing::have(&[DRIVER]) {
        return;
    }
    let endpoint = format!("http://{bucket}");
    let mut variables = S3::KEYS.to_vec();
    variables.extend([
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("OBJECTS_URL", "s3://shelf/suite"),
        ("DATABASE_URL", database.as_str()),
    ]);
    let (_suite, server) = serve(folder.path(), &variables);

    let (train, test) = generated().await;
    let entries: Vec<ImportHistoryRequest> = train
        .iter()
        .map(|&(reader_id, book_id, stars)| {
            let stars = stars.unwrap();
            let entry = Entry { reader_id, book_id, stars, ..Entry::default() };
            ImportHistoryRequest { entry: Some(entry), request_id: String::new() }
        })
        .collect();
    let channel = channel(server).await;
    let mut readers = ReadersServiceClient::new(channel.clone());
    let stored = readers.import_history(tokio_stream::iter(entries)).await.unwrap().into_inner();
    assert_eq!((stored.refused, stored.stored), (0, train.len() as i64), "{:?}", stored.errors);

    // Without a driver, in the form of our export; then with one, straight from the database.
    let parquet = folder.path().join("ratings.parquet");
    let parquet = parquet.to_str().unwrap();
    job(&python, folder.path(), &variables, &["--database-url", &database, "--to-parquet", parquet]);
    let parameters = ["--factors", "16", "--regularization", "5", "--confidence", "4", "--iterations", "8"];
    let ours = [
        ("als.factors", 16.0),
        ("als.regularization", 5.0),
        ("als.confidence", 4.0),
        ("als.iterations", 8.0),
    ];
    let from = |source: &[&str]| {
        let arguments: Vec<&str> = source.iter().chain(&parameters).copied().collect();
        job(&python, folder.path(), &variables, &arguments)
    };
    let other = from(&["--parquet", parquet]);
    let version = from(&["--database-url", &database, "--jdbc-jar", DRIVER]);

    let objects = folder.path().join("shelf/suite");
    let compared = compare(&objects, &version, &train, &test, &ours).await;
    println!("generated: NDCG@10 {:.4} of Spark's ALS, {:.4} of ours", compared.spark, compared.ours);
    assert!((compared.spark - compared.ours).abs() < 0.01, "{} against {}", compared.spark, compared.ours);
    assert!(!compared.manifest.store.is_empty() && compared.manifest.data.revision >= train.len() as i64);
    let other = compare(&objects, &other, &train, &test, &ours).await;
    assert_eq!(other.trained.books, compared.trained.books, "the same ratings by either way");
    assert_eq!(other.manifest.data.interactions, compared.manifest.data.interactions);

    // Listed by itself, but nobody has judged it: it answers once the operator has chosen it.
    let listed = operator(server, &["models"]);
    assert!(listed.lines().any(|line| line.starts_with(&format!("{version}\tcandidate\t"))), "{listed}");
    let chosen = operator(server, &["models", "activate", &version]);
    assert!(chosen.starts_with(&format!("{version}\tanswers\t")), "{chosen}");

    let run = Run::new(2, Progress::new()).unwrap();
    let ranking = evaluate::rank(&compared.trained.model, &compared.trial, 10, &run).unwrap();
    let mut recommendations = RecommendationsClient::new(channel);
    for (reader, books) in ranking.rows.iter().take(20) {
        let request = RecommendationRequest {
            // Readers are numbered from 1, none is without ratings.
            user_id: i32::try_from(*reader).unwrap() + 1,
            all_categories: true,
            max_results: 10,
            diversity: Some(0.0),
            exploration: Some(0.0),
            uncapped: true,
            ..RecommendationRequest::default()
        };
        let answer = recommendations.recommend(request).await.unwrap().into_inner();
        assert_eq!(answer.model_version, version);
        let answered: Vec<i32> = answer.recommendations.iter().map(|book| book.id).collect();
        let ranked: Vec<i32> = books.iter().map(|&book| compared.trained.books[book as usize]).collect();
        assert_eq!(answered, ranked, "reader {}", reader + 1);
        assert!(answer.recommendations[0].source_book_id > 0, "with its reason");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_real_ratings_it_is_as_good_as_our_own() {
    let Some(python) = spark() else { return };
    let data = workspace().parent().unwrap().join("shared/data/goodbooks-3k");
    if !data.is_dir() {
        return testing::skipped("needs ../shared/data/goodbooks-3k");
    }
    let folder = tempfile::tempdir().unwrap();
    let objects = format!("file://{}", folder.path().display());
    let train = data.join("train.csv");
    let parameters = ["--factors", "64", "--regularization", "30", "--confidence", "3", "--iterations", "10"];
    let mut arguments = vec!["--csv", train.to_str().unwrap(), "--objects-url", &objects];
    arguments.extend(parameters);
    let version = job(&python, folder.path(), &[], &arguments);

    let rows = |name: &str| -> Named {
        let text = fs::read_to_string(data.join(name)).unwrap();
        let pair = |line: &str| {
            let (reader, book) = line.split_once(',').unwrap();
            (reader.parse().unwrap(), book.trim().parse().unwrap(), None)
        };
        text.lines().skip(1).map(pair).collect()
    };
    let ours = [
        ("als.factors", 64.0),
        ("als.regularization", 30.0),
        ("als.confidence", 3.0),
        ("als.iterations", 10.0),
    ];
    let compared = compare(folder.path(), &version, &rows("train.csv"), &rows("test.csv"), &ours).await;
    println!("goodbooks-3k: NDCG@10 {:.4} of Spark's ALS, {:.4} of ours", compared.spark, compared.ours);
    assert!((compared.spark - compared.ours).abs() < 0.01, "{} against {}", compared.spark, compared.ours);
}

#[test]
fn what_cannot_be_trained_is_said_before_spark_starts() {
    let Some(python) = spark() else { return };
    let script = workspace().join("deploy/spark/train.py");
    for (arguments, words) in [
        (&["--csv", "x"][..], "OBJECTS_URL"),
        (&["--csv", "x", "--objects-url", "file:///x", "--confidence", "1"], "--confidence"),
        (&["--csv", "x", "--parquet", "y"], "not allowed with"),
        (&["--csv", "x", "--objects-url", "ftp://x"], "--objects-url"),
    ] {
        let mut command = Command::new(&python);
        let output = command.arg(&script).args(arguments).env_remove("OBJECTS_URL").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(words), "{arguments:?}: {said}");
    }
}
