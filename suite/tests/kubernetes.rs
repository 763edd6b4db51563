//! Both overlays on a real Kubernetes node (`deploy/testbed/kubernetes.sh up`), and what readers see while things change.

#[path = "deploy/bed.rs"]
mod bed;
#[path = "deploy/node.rs"]
mod node;

use std::{
    io::Write as _,
    process::Stdio,
    sync::{Mutex, OnceLock, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

use bed::{IMAGES, SERVICES, bed, docker, is_home_page, run};
use node::{Load, Namespace, Tls, kubectl, node};
use serde_json::{Value, json};
use testing::eventually;

/// What guards readers' histories and models.
const TOKEN: &str = "the-token-of-the-test";

/// The load is on one node with two cores: one overlay at a time.
static NODE: Mutex<()> = Mutex::new(());

#[test]
fn local_overlay_serves_through_every_change() {
    if !ready() {
        return;
    }
    let _alone = NODE.lock().unwrap_or_else(PoisonError::into_inner);
    images();
    let namespace = Namespace::new("shelfwise-local");
    namespace.apply("local");
    serves(&namespace, None);
    calls_functions(&namespace, functions::modules::SAMPLES.len());
    changes(&namespace, 1);
}

#[test]
fn production_overlay_serves_through_every_change() {
    if !ready() {
        return;
    }
    let _alone = NODE.lock().unwrap_or_else(PoisonError::into_inner);
    images();
    let database = "drop database if exists shelfwise with (force)";
    for statement in [database, "create database shelfwise"] {
        run(&mut node("psql", &["-q", "-h", "10.85.0.1", "-U", "postgres", "-c", statement]));
    }
    let certs = tempfile::tempdir().unwrap();
    bed::certificates(certs.path());
    let tls = Tls { folder: certs.path() };

    // As deploy/README.md says: the namespace, the six secrets, then everything.
    let namespace = Namespace::new("shelfwise");
    run(&mut kubectl(&["apply", "-f", "deploy/kubernetes/overlays/production/namespace.yaml"]));
    let url = "--from-literal=DATABASE_URL=postgres://postgres@10.85.0.1/shelfwise";
    namespace.kubectl(&["create", "secret", "generic", "shelfwise-database", url]);
    // A folder of its own in the node's bucket, since nothing of an earlier run is of this database.
    let objects = format!("--from-literal=OBJECTS_URL=s3://shelfwise/{}", std::process::id());
    let mut create = vec!["create", "secret", "generic", "shelfwise-objects", &objects];
    create.extend([
        "--from-literal=AWS_ENDPOINT_URL=http://10.85.0.1:9000",
        "--from-literal=AWS_REGION=us-east-1",
        "--from-literal=AWS_ACCESS_KEY_ID=testbed",
        "--from-literal=AWS_SECRET_ACCESS_KEY=testbed-secret",
    ]);
    namespace.kubectl(&create);
    let token = format!("--from-literal=SHELFWISE_TOKEN={TOKEN}");
    let cookies = "--from-literal=MARKETPLACE_COOKIE_KEY=0123456789abcdef0123456789abcdef";
    namespace.kubectl(&["create", "secret", "generic", "shelfwise-keys", &token, cookies]);
    let certificates =
        [("recommendations-tls", "server"), ("marketplace-tls", "client"), ("functions-tls", "client")];
    for (secret, certificate) in certificates {
        let files = [
            format!("--from-file=tls.crt={}", tls.file(&format!("{certificate}/{certificate}.pem"))),
            format!("--from-file=tls.key={}", tls.file(&format!("{certificate}/{certificate}.key"))),
            format!("--from-file=ca.crt={}", tls.file("ca.pem")),
        ];
        namespace.kubectl(&["create", "secret", "generic", secret, &files[0], &files[1], &files[2]]);
    }
    namespace.apply("production");
    // The autoscaler's lower limit.
    eventually("two replicas each", Duration::from_secs(60), || {
        SERVICES.iter().all(|service| namespace.pods(service).len() == 2).then_some(())
    });
    serves(&namespace, Some(&tls));
    calls_functions(&namespace, 0);
    learns(&namespace, &tls);
    changes(&namespace, 2);
}

fn ready() -> bool {
    bed::docker_is_up()
        && bed::up("kubernetes.sh", kubectl(&["get", "node", "node"]))
        && testing::have(&["grpcurl"])
}

/// Builds the images under the names of both overlays and gives them to the node.
fn images() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        bed::build_stage();
        let mut names = Vec::new();
        for (service, _) in IMAGES {
            let [local, production] = ["dev", "0.1.0"].map(|tag| format!("shelfwise/{service}:{tag}"));
            let (service, profile) = (format!("SERVICE={service}"), format!("PROFILE={}", bed::profile()));
            let build = ["build", "-q", "-f", "deploy/Dockerfile", "-t", &local, "-t", &production];
            run(docker("docker", &build).args(["--build-arg", &service, "--build-arg", &profile, "."]));
            names.extend([local, production]);
        }
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("images.tar");
        run(docker("docker", &["save", "-o"]).arg(&archive).args(&names));
        run(bed("kubernetes.sh").arg("load").arg(&archive));
    });
}

/// Everything is ready, a page comes through the Service, and `Recommend` works through a port-forward.
fn serves(namespace: &Namespace, tls: Option<&Tls<'_>>) {
    for service in SERVICES {
        namespace.rolled_out(service);
    }
    let load = Load::start(namespace);
    let page = eventually("the home page with its list", Duration::from_secs(30), || {
        Some(load.page()).filter(|page| is_home_page(page))
    });
    assert!(!page.contains("class=\"notice\""), "{page}");

    let forward = node::Forward::start(namespace, "service/recommendations", 50051);
    let mut arguments =
        vec!["-d".to_owned(), r#"{"user_id": 1, "category": "MYSTERY", "max_results": 3}"#.into()];
    arguments.extend(tls.map_or_else(|| vec!["-plaintext".to_owned()], Tls::grpcurl));
    arguments.extend([forward.address(), "Recommendations/Recommend".into()]);
    let answer = run(node("grpcurl", &[]).args(arguments));
    assert_eq!(answer.matches("\"title\"").count(), 3, "{answer}");
    if tls.is_some() {
        let without = bed::output(&mut node("grpcurl", &["-insecure", &forward.address(), "list"]));
        assert!(!without.status.success(), "no certificate, no answer");
    }
}

/// The Service of functions answers, with so many samples; what is deployed through it answers in every replica.
fn calls_functions(namespace: &Namespace, samples: usize) {
    let forward = node::Forward::start(namespace, "service/functions", 8000);
    let get = |path: &str| {
        let got = bed::output(&mut node("probe", &["get", &format!("http://{}{path}", forward.address())]));
        String::from_utf8_lossy(&got.stdout).into_owned()
    };
    eventually("the samples", Duration::from_secs(30), || {
        let all: Value = serde_json::from_str(&get("/functions")).ok()?;
        (all["functions"].as_array()?.len() == samples).then_some(())
    });
    if samples > 0 {
        assert_eq!(get("/hello?name=Ada").trim(), r#"{"greeting":"Hello, Ada!"}"#);
        return;
    }
    let url = format!("http://{}", forward.address());
    let module = bed::workspace().join("functions/guests/built/taste.wasm");
    let manifest = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(manifest.path(), "[grants]\nbooks = true\nreaders = true\nstate = true\n").unwrap();
    let mut deploy = node(env!("CARGO_BIN_EXE_shelfwise"), &["functions", "deploy"]);
    deploy.arg(module).arg("--manifest").arg(manifest.path());
    run(deploy.args(["--url", &url]).env("SHELFWISE_TOKEN", TOKEN));
    let pods = namespace.ready("functions");
    assert_eq!(pods.len(), 2);
    // What the function keeps lies in the database: whichever replica is asked, it counts on.
    let mut asked = 0;
    for pod in pods.iter().chain(&pods) {
        let forward = node::Forward::start(namespace, &format!("pod/{}", pod.name), 8000);
        let url = format!("http://{}/taste?reader=1", forward.address());
        let answer = eventually("the function", Duration::from_secs(30), || {
            let got = bed::output(&mut node("probe", &["get", &url]));
            serde_json::from_slice::<Value>(&got.stdout).ok().filter(|answer| answer["asked"].is_number())
        });
        asked += 1;
        assert_eq!(answer["asked"], asked, "{answer}");
    }
}

/// One of two replicas, reached by itself.
struct Replica<'a> {
    forward: node::Forward,
    tls: &'a Tls<'a>,
}

impl Replica<'_> {
    /// A call with these messages, as JSON; the answer as JSON, or what was said instead.
    fn call(&self, method: &str, messages: &str, token: &str) -> Result<Value, String> {
        let mut command = node("grpcurl", &["-H", &format!("authorization: Bearer {token}"), "-d", "@"]);
        command.args(self.tls.grpcurl()).args([&self.forward.address(), method]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(messages.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    }

    fn ask(&self, method: &str, message: &Value) -> Value {
        self.call(method, &message.to_string(), TOKEN).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn recommend(&self, reader: u32) -> Value {
        let question = json!({"user_id": reader, "all_categories": true, "max_results": 10});
        self.ask("Recommendations/Recommend", &question)
    }

    /// The version that answers here; nothing if none does.
    fn answering(&self) -> Option<String> {
        let models = self.ask("shelfwise.models.v1.ModelsService/ListModels", &json!({}));
        let active = models["models"].as_array()?.iter().find(|model| model["active"] == true)?;
        active["version"].as_str().map(str::to_owned)
    }
}

/// Two replicas on one PostgreSQL and one S3 server: what one is told the other knows, and both serve what a job of the
/// CronJob trains.
fn learns(namespace: &Namespace, tls: &Tls<'_>) {
    let pods = namespace.ready("recommendations");
    assert_eq!(pods.len(), 2);
    let replicas: Vec<Replica<'_>> = pods
        .iter()
        .map(|pod| Replica {
            forward: node::Forward::start(namespace, &format!("pod/{}", pod.name), 50051),
            tls,
        })
        .collect();
    let [one, other] = &replicas[..] else { unreachable!("two pods") };

    // A rating through one is seen through the other.
    let rating = json!({"reader_id": 7, "book_id": 1, "stars": 4.5});
    let without =
        one.call("shelfwise.readers.v1.ReadersService/Rate", &rating.to_string(), "another").unwrap_err();
    assert!(without.contains("Unauthenticated"), "{without}");
    one.ask("shelfwise.readers.v1.ReadersService/Rate", &rating);
    let rated = Instant::now();
    let seen = eventually("the rating, through the other replica", Duration::from_secs(10), || {
        let history = other.ask("shelfwise.readers.v1.ReadersService/ListHistory", &json!({"reader_id": 7}));
        (history["totalSize"] == 1).then(|| rated.elapsed())
    });
    println!("{}: a rating is seen through the other replica after {seen:?}", namespace.name());
    // Two seconds at most, and what asking through the node takes.
    assert!(seen < Duration::from_secs(5), "{seen:?}");

    // Readers of two tastes.
    let mut ratings = String::new();
    for reader in 1..=120_u32 {
        for number in 0..8 {
            let book = (reader % 2) * 30 + (reader * 7 + number * 3) % 30 + 1;
            let entry = json!({"entry": {"reader_id": reader, "book_id": book, "stars": 4}});
            ratings.push_str(&entry.to_string());
        }
    }
    let stored = one.call("shelfwise.readers.v1.ReadersService/ImportHistory", &ratings, TOKEN).unwrap();
    assert_eq!(stored["stored"], "960", "{stored}");
    assert_eq!((one.answering(), other.answering()), (None, None), "serving pods do not train");

    namespace.kubectl(&["create", "job", "--from=cronjob/training", "training-now"]);
    let done = ["wait", "--for=condition=Complete", "job/training-now", "--timeout=120s"];
    let done = bed::output(kubectl(&["-n", namespace.name()]).args(done));
    let said = namespace.kubectl(&["logs", "job/training-now"]);
    assert!(done.status.success(), "{said}\n{}", namespace.kubectl(&["describe", "jobs,pods"]));
    let trained = said.lines().find_map(|line| line.split_once("-blend-").map(|_| line));
    let version = trained.and_then(|line| line.split(':').next()).unwrap_or_else(|| panic!("{said}"));
    let ended = Instant::now();
    for replica in &replicas {
        eventually("the replica serves what was trained", Duration::from_secs(10), || {
            (replica.answering().as_deref() == Some(version)).then_some(())
        });
    }
    println!("{}: both serve {version} {:?} after its job", namespace.name(), ended.elapsed());
    let answers = [one.recommend(5), other.recommend(5)];
    for answer in &answers {
        assert_eq!(answer["modelVersion"], version, "{answer}");
        assert!(answer["recommendations"][0]["sourceBookId"].as_i64() > Some(0), "{answer}");
    }
    assert_eq!(answers[0]["recommendations"], answers[1]["recommendations"], "both answer alike");
}

/// Under load from another pod: rolling restarts, more replicas and fewer, one killed. `replicas` is what the overlay starts
/// each service with.
fn changes(namespace: &Namespace, replicas: usize) {
    let load = Load::start(namespace);
    load.settled();

    for service in SERVICES {
        let old = namespace.pods(service);
        namespace.kubectl(&["rollout", "restart", &format!("deployment/{service}")]);
        namespace.rolled_out(service);
        namespace.gone(&old);
    }
    load.beat();
    assert_eq!(load.failures(), [], "no page fails in a rolling restart");

    let more = replicas + 2;
    namespace.scale("recommendations", more);
    eventually("the new replicas are ready", Duration::from_secs(60), || {
        (namespace.ready("recommendations").len() == more).then_some(())
    });
    let ready = Instant::now();
    // The last two of the five seconds, so that the counts before say how calls are spread now.
    sleep(Duration::from_millis(2500));
    let pods = namespace.ready("recommendations");
    let before: Vec<_> = pods.iter().map(node::calls).collect();
    sleep(Duration::from_millis(4900).saturating_sub(ready.elapsed()));
    let counts: Vec<_> = pods.iter().zip(&before).map(|(pod, before)| node::calls(pod) - before).collect();
    let equal = counts.iter().sum::<f64>() / counts.len() as f64;
    println!("{}: calls by replica within 5 s of Ready: {counts:?}", namespace.name());
    assert!(equal > 20.0, "too few calls to tell how they are spread: {counts:?}");
    assert!(counts.iter().all(|count| (0.7 * equal..=1.3 * equal).contains(count)), "{counts:?}");
    assert_eq!(load.failures(), [], "no page fails while replicas are added");

    let killed = load.now();
    namespace.kubectl(&["delete", "pod", &pods[0].name, "--grace-period=0", "--force", "--wait=false"]);
    namespace.gone(&pods[..1]);
    namespace.rolled_out("recommendations");
    load.beat();
    let failures = load.failures();
    println!("{}: pages that failed when a pod was killed: {}", namespace.name(), failures.len());
    assert!(failures.iter().all(|failure| failure.at <= killed + 1000), "killed at {killed}: {failures:?}");

    let old = namespace.pods("recommendations");
    namespace.scale("recommendations", replicas);
    eventually("the other replicas are gone", Duration::from_secs(120), || {
        (namespace.pods("recommendations").len() == replicas).then_some(())
    });
    load.beat();
    assert_eq!(load.failures().len(), failures.len(), "no page fails while replicas go: {old:?}");
    println!("{}: {}", namespace.name(), load.summary());
}
