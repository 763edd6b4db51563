//! Both overlays on a real Kubernetes node (`deploy/testbed/kubernetes.sh up`), and what readers see while things change.

#[path = "deploy/bed.rs"]
mod bed;
#[path = "deploy/node.rs"]
mod node;

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

use bed::{SERVICES, bed, docker, is_home_page, run};
use node::{Load, Namespace, Tls, kubectl, node};
use testing::eventually;

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

    // As deploy/README.md says: the namespace, the three secrets, then everything.
    let namespace = Namespace::new("shelfwise");
    run(&mut kubectl(&["apply", "-f", "deploy/kubernetes/overlays/production/namespace.yaml"]));
    let url = "--from-literal=DATABASE_URL=postgres://postgres@10.85.0.1/shelfwise";
    namespace.kubectl(&["create", "secret", "generic", "shelfwise-database", url]);
    for (secret, certificate) in [("recommendations-tls", "server"), ("marketplace-tls", "client")] {
        let files = [
            format!("--from-file=tls.crt={}", tls.file(&format!("{certificate}.pem"))),
            format!("--from-file=tls.key={}", tls.file(&format!("{certificate}.key"))),
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
        for service in SERVICES {
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
