//! What the Kubernetes tests say to the node.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use testing::eventually;

use crate::bed::{PROBE, bed, output, run};

/// A command in the node's network.
pub(crate) fn node(program: &str, arguments: &[&str]) -> Command {
    let mut command = bed("kubernetes.sh");
    command.args(["run", program]).args(arguments);
    command
}

pub(crate) fn kubectl(arguments: &[&str]) -> Command {
    node("kubectl", arguments)
}

/// Certificates for a client.
pub(crate) struct Tls<'a> {
    pub(crate) folder: &'a Path,
}

impl Tls<'_> {
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    pub(crate) fn grpcurl(&self) -> Vec<String> {
        let files = [("-cacert", "ca.pem"), ("-cert", "client/client.pem"), ("-key", "client/client.key")];
        let files = files.iter().flat_map(|(flag, name)| [(*flag).to_owned(), self.file(name)]);
        files.chain(["-authority".to_owned(), "recommendations".to_owned()]).collect()
    }
}

/// A pod that has not been told to end.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) name: String,
    address: String,
    ready: bool,
}

/// How many calls a replica of recommendations has answered.
pub(crate) fn calls(pod: &Pod) -> f64 {
    let metrics = run(&mut node("probe", &["get", &format!("http://{}:9091/metrics", pod.address)]));
    let counts = metrics.lines().filter(|line| line.starts_with("grpc_server_calls_total"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// A namespace, removed with everything in it when it is dropped.
pub(crate) struct Namespace(&'static str);

impl Namespace {
    pub(crate) fn new(name: &'static str) -> Self {
        // One that an interrupted run left.
        run(&mut kubectl(&["delete", "namespace", name, "--ignore-not-found"]));
        Self(name)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0
    }

    /// What a command in the namespace printed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        run(kubectl(&["-n", self.0]).args(arguments))
    }

    /// Applies an overlay. Pod Security says nothing about it, since nothing is wrong with it.
    pub(crate) fn apply(&self, overlay: &str) {
        let overlay = format!("deploy/kubernetes/overlays/{overlay}");
        let applied = output(&mut kubectl(&["apply", "-k", &overlay]));
        let said = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success() && !said.contains("Warning"), "{said}");
        let label = "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}";
        assert_eq!(run(&mut kubectl(&["get", "namespace", self.0, "-o", label])), "restricted");
    }

    pub(crate) fn rolled_out(&self, service: &str) {
        let deployment = format!("deployment/{service}");
        let done = output(kubectl(&["-n", self.0, "rollout", "status", &deployment]).arg("--timeout=150s"));
        if !done.status.success() {
            let pods = self.kubectl(&["describe", "pods"]);
            let logs = self.kubectl(&["logs", &deployment, "--tail=20"]);
            panic!("{deployment} is not ready: {}\n{pods}\n{logs}", String::from_utf8_lossy(&done.stderr));
        }
    }

    pub(crate) fn scale(&self, service: &str, replicas: usize) {
        self.kubectl(&["scale", &format!("deployment/{service}"), &format!("--replicas={replicas}")]);
    }

    /// The pods of a service, without those that are on their way out.
    pub(crate) fn pods(&self, service: &str) -> Vec<Pod> {
        let selector = format!("app.kubernetes.io/name={service}");
        let pods: Value =
            serde_json::from_str(&self.kubectl(&["get", "pods", "-o", "json", "-l", &selector])).unwrap();
        let staying = pods["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        staying
            .map(|pod| Pod {
                name: text(&pod["metadata"]["name"]),
                address: text(&pod["status"]["podIP"]),
                ready: pod["status"]["conditions"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|is| is["type"] == "Ready" && is["status"] == "True")),
            })
            .collect()
    }

    pub(crate) fn ready(&self, service: &str) -> Vec<Pod> {
        let mut pods = self.pods(service);
        pods.retain(|pod| pod.ready);
        pods
    }

    /// Waits until the pods have ended, drain included.
    pub(crate) fn gone(&self, pods: &[Pod]) {
        for pod in pods {
            self.kubectl(&["wait", "--for=delete", &format!("pod/{}", pod.name), "--timeout=90s"]);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A panic here, during another one, would hide it.
        let _ = kubectl(&["delete", "namespace", self.0, "--ignore-not-found"]).output();
    }
}

/// A page that failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Milliseconds since 1970.
    pub(crate) at: u128,
    why: String,
}

/// A pod that asks for the home page again and again, and says which ones failed.
pub(crate) struct Load {
    namespace: &'static str,
}

impl Load {
    const NAME: &str = "shelfwise-load";

    /// Starts it in the namespace `default`, so that no policy of the suite's applies to it.
    pub(crate) fn start(namespace: &Namespace) -> Self {
        let load = Self { namespace: namespace.name() };
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": Self::NAME},
            "spec": {
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "load", "image": PROBE, "imagePullPolicy": "Never",
                    "args": ["load", "-clients", "4", "-pause", "25ms", "-for", "15m", load.url()],
                }],
            },
        });
        let mut create =
            kubectl(&["create", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        create.stdin.take().unwrap().write_all(pod.to_string().as_bytes()).unwrap();
        assert!(create.wait().unwrap().success());
        run(&mut kubectl(&[
            "wait",
            "--for=condition=Ready",
            &format!("pod/{}", Self::NAME),
            "--timeout=60s",
        ]));
        load
    }

    fn url(&self) -> String {
        format!("http://marketplace.{}:5000/", self.namespace)
    }

    fn logs(&self) -> String {
        run(&mut kubectl(&["logs", Self::NAME]))
    }

    /// The home page, as the load pod sees it.
    pub(crate) fn page(&self) -> String {
        let page = output(&mut kubectl(&["exec", Self::NAME, "--", "/probe", "get", &self.url()]));
        String::from_utf8_lossy(&page.stdout).into_owned()
    }

    /// Waits for a second in which pages came.
    pub(crate) fn settled(&self) {
        eventually("pages under load", Duration::from_secs(30), || {
            let logs = self.logs();
            logs.lines().any(|line| line.starts_with("pages ") && line.contains("failed 0")).then_some(())
        });
        assert_eq!(self.failures(), []);
    }

    /// Waits until the load has reported three times more, so that what has just failed is on its list.
    pub(crate) fn beat(&self) {
        let reports = || self.logs().lines().filter(|line| line.starts_with("pages ")).count();
        let until = reports() + 3;
        eventually("the load reports", Duration::from_secs(30), || (reports() >= until).then_some(()));
    }

    pub(crate) fn failures(&self) -> Vec<Failed> {
        let logs = self.logs();
        let failed = logs.lines().filter_map(|line| line.strip_prefix("failed ")?.split_once(' '));
        failed.map(|(at, why)| Failed { at: at.parse().unwrap(), why: why.to_owned() }).collect()
    }

    /// The time on the load's clock, which is the machine's.
    pub(crate) fn now(&self) -> u128 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
    }

    pub(crate) fn summary(&self) -> String {
        self.logs().lines().rfind(|line| line.starts_with("pages ")).unwrap_or_default().to_owned()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = kubectl(&["delete", "pod", Self::NAME, "--ignore-not-found"]).output();
    }
}

/// `kubectl port-forward`, ended when it is dropped.
pub(crate) struct Forward {
    child: Child,
    port: u16,
    /// Kept open: kubectl prints a line for every connection, and would die of a closed pipe.
    _said: BufReader<ChildStdout>,
}

impl Forward {
    pub(crate) fn start(namespace: &Namespace, to: &str, port: u16) -> Self {
        let mut command = kubectl(&["-n", namespace.name(), "port-forward", to, &format!(":{port}")]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let port = line
            .strip_prefix("Forwarding from 127.0.0.1:")
            .and_then(|rest| rest.split(' ').next()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("kubectl port-forward said {line:?}"));
        Self { child, port, _said: said }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        // The script becomes kubectl, so this is kubectl.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
