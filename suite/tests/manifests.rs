//! What is written in `deploy/` against what is written in the code: ports, probes, variables, times.

#[path = "deploy/bed.rs"]
#[allow(dead_code, reason = "shared with the tests that run the images")]
mod bed;

use std::{collections::BTreeMap, fs, process::Command, time::Duration};

use bed::{SERVICES, output, workspace};
use serde_json::Value;

/// What the code says of a service.
struct Service {
    command: clap::Command,
}

impl Service {
    fn named(name: &str) -> Self {
        let command = match name {
            "recommendations" | "training" => {
                service::config::command::<recommendations::Config>(recommendations::PREFIX)
            }
            "marketplace" => service::config::command::<marketplace::Config>(marketplace::PREFIX),
            "functions" => service::config::command::<functions::Config>(functions::PREFIX),
            other => panic!("no service {other}"),
        };
        Self { command }
    }

    /// The setting with this variable.
    fn setting(&self, variable: &str) -> &clap::Arg {
        let setting =
            self.command.get_arguments().find(|arg| arg.get_env().is_some_and(|env| env == variable));
        setting.unwrap_or_else(|| panic!("{} has no setting {variable}", self.command.get_name()))
    }

    fn default(&self, variable: &str) -> String {
        self.setting(variable).get_default_values()[0].to_str().unwrap().to_owned()
    }

    fn port(&self, variable: &str) -> u64 {
        self.default(variable).rsplit(':').next().unwrap().parse().unwrap()
    }

    /// That the service would start with these variables.
    fn accepts(&self, variables: &BTreeMap<String, String>) {
        let mut arguments = vec![self.command.get_name().to_owned()];
        for (variable, value) in variables {
            let setting = self.setting(variable);
            arguments.push(format!("--{}={value}", setting.get_long().unwrap()));
        }
        if let Err(error) = self.command.clone().try_get_matches_from(&arguments) {
            panic!("{arguments:?}: {error}");
        }
    }

    /// How long the service takes to end at most, with these variables.
    fn end(&self, variables: &BTreeMap<String, String>) -> Duration {
        let prefix = self.command.get_name().to_uppercase();
        // gunicorn's name for the same.
        let grace = if prefix == "FUNCTIONS" { "GRACEFUL_TIMEOUT" } else { "SHUTDOWN_GRACE" };
        let times = ["SHUTDOWN_DELAY", grace].map(|name| {
            let variable = format!("{prefix}_{name}");
            let value = variables.get(&variable).cloned().unwrap_or_else(|| self.default(&variable));
            service::config::duration(&value).unwrap()
        });
        times.iter().sum()
    }
}

/// The variables of a container: those of the image, then its own. Secrets are given a value that could be.
fn variables(service: &str, container: &Value) -> BTreeMap<String, String> {
    let mut variables = image(service).variables;
    variables.extend(own_variables(container));
    variables
}

fn own_variables(container: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut variables = BTreeMap::new();
    for variable in container["env"].as_array().unwrap() {
        let name = text(&variable["name"]);
        let from = &variable["valueFrom"]["secretKeyRef"];
        let value = variable["value"].as_str().map_or_else(
            || {
                assert_eq!(from["key"], name, "a Secret's keys are the variables' names");
                secret(&text(&from["name"]), &name)
            },
            str::to_owned,
        );
        variables.insert(name, value);
    }
    for from in container["envFrom"].as_array().into_iter().flatten() {
        // The AWS_ variables in it are the object store's own.
        variables.insert("OBJECTS_URL".to_owned(), secret(&text(&from["secretRef"]["name"]), "OBJECTS_URL"));
    }
    variables
}

/// A value that a Secret could hold, as deploy/README.md names it.
fn secret(name: &str, key: &str) -> String {
    match (name, key) {
        ("shelfwise-database", "DATABASE_URL") => "postgres://shelfwise:secret@postgres/shelfwise",
        ("shelfwise-objects", "OBJECTS_URL") => "s3://shelfwise/production",
        ("shelfwise-keys", "SHELFWISE_TOKEN" | "MARKETPLACE_COOKIE_KEY") => {
            "0123456789abcdef0123456789abcdef"
        }
        other => panic!("{other:?} is no secret that is known"),
    }
    .to_owned()
}

/// What the Dockerfile says of a service's image.
#[derive(Default)]
struct Image {
    variables: BTreeMap<String, String>,
    ports: Vec<u64>,
    user: String,
}

fn image(service: &str) -> Image {
    let dockerfile = fs::read_to_string(workspace().join("deploy/Dockerfile")).unwrap().replace("\\\n", " ");
    let mut image = Image::default();
    let mut stage = "";
    for line in dockerfile.lines() {
        let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
        if instruction == "FROM" {
            stage = rest.rsplit(' ').next().unwrap();
        }
        if ![service, "base"].contains(&stage) {
            continue;
        }
        match instruction {
            "ENV" => {
                let pairs = rest.split_whitespace().filter_map(|pair| pair.split_once('='));
                image.variables.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            "EXPOSE" => image.ports = rest.split(' ').map(|port| port.parse().unwrap()).collect(),
            "USER" => rest.clone_into(&mut image.user),
            _ => {}
        }
    }
    image
}

#[test]
fn the_image_listens_where_the_code_does_on_every_address() {
    for name in SERVICES {
        let service = Service::named(name);
        let image = image(name);
        let prefix = name.to_uppercase();
        let ports = [format!("{prefix}_BIND"), format!("{prefix}_ADMIN_BIND")].map(|variable| {
            let port = service.port(&variable);
            assert_eq!(image.variables[&variable], format!("[::]:{port}"), "{variable}");
            port
        });
        assert_eq!(image.ports, ports, "EXPOSE of {name}");
        assert_eq!(image.user, "65532:65532", "a number, which Kubernetes can tell from root");
        service.accepts(&image.variables);
    }
}

#[test]
fn compose_sets_what_the_code_reads() {
    let text = fs::read_to_string(workspace().join("deploy/compose.yaml")).unwrap();
    let compose: Value = serde_saphyr::from_str(&text).unwrap();
    for name in SERVICES {
        let service = Service::named(name);
        let own = &compose["services"][name];
        // The parser merges `<<` into the service.
        let mut variables = image(name).variables;
        for (variable, value) in own["environment"].as_object().unwrap() {
            // One without a value is handed on, if it is set.
            let value = value.as_str().unwrap_or("as-set");
            variables.insert(variable.clone(), value.to_owned());
        }
        assert_eq!(variables["SHELFWISE_TOKEN"], "as-set", "one token for all, by the caller's environment");
        service.accepts(&variables);
        let stop = service::config::duration(own["stop_grace_period"].as_str().unwrap()).unwrap();
        assert!(stop > service.end(&variables), "{name} is not killed while it drains");
        assert_eq!(own["read_only"], true);
        assert_eq!(own["cap_drop"][0], "ALL");
        let side = if name == "recommendations" { "server" } else { "client" };
        let mounted = own["volumes"].as_array().unwrap().iter().map(|volume| volume.as_str().unwrap());
        let certificates: Vec<_> = mounted.filter(|volume| volume.contains("/certs")).collect();
        let only = format!("${{SHELFWISE_CERTS:-./certs}}/{side}:/certs:ro");
        assert_eq!(certificates, [only], "{name} sees its own key, and not the authority's");
        for certificate in ["CERT", "KEY", "CA"] {
            assert!(
                variables.contains_key(&format!("{}_TLS_{certificate}", name.to_uppercase())),
                "mutual TLS"
            );
        }
        let key = &variables[&format!("{}_TLS_KEY", name.to_uppercase())];
        assert_eq!(key, &format!("/certs/{side}.key"));
    }
    let port = Service::named("marketplace").port("MARKETPLACE_BIND");
    assert_eq!(compose["services"]["marketplace"]["ports"][0], format!("{port}:{port}"));
    for private in ["recommendations", "functions"] {
        assert_eq!(compose["services"][private]["ports"], Value::Null, "{private} is private");
        assert_eq!(compose["services"][private]["networks"], serde_json::json!(["private"]));
    }
    assert_eq!(compose["networks"]["private"]["internal"], true);
}

#[test]
fn compose_accepts_its_files() {
    if !testing::have(&["docker-compose"]) {
        return;
    }
    for files in [&["compose.yaml"][..], &["compose.yaml", "compose.postgres.yaml"]] {
        let mut command = Command::new("docker-compose");
        command.current_dir(workspace().join("deploy")).env("POSTGRES_PASSWORD", "secret");
        command.args(files.iter().flat_map(|file| ["-f", file])).args(["config", "-q"]);
        let checked = output(&mut command);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

/// An overlay's objects, as `kubectl apply -k` would send them, by kind and name.
fn overlay(name: &str) -> BTreeMap<(String, String), Value> {
    let folder = workspace().join("deploy/kubernetes/overlays").join(name);
    let built = output(Command::new("kubectl").arg("kustomize").arg(folder));
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let text = String::from_utf8(built.stdout).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let key = |object: &Value| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&object["kind"]), text(&object["metadata"]["name"]))
    };
    objects.into_iter().map(|object| (key(&object), object)).collect()
}

fn object<'a>(objects: &'a BTreeMap<(String, String), Value>, kind: &str, name: &str) -> &'a Value {
    objects.get(&(kind.to_owned(), name.to_owned())).unwrap_or_else(|| panic!("no {kind} {name}"))
}

#[test]
fn overlays_say_what_the_code_says() {
    if !testing::have(&["kubectl"]) {
        return;
    }
    for overlay_name in ["local", "production"] {
        let objects = overlay(overlay_name);
        for name in SERVICES {
            let deployment = object(&objects, "Deployment", name);
            deployment_fits(name, deployment);
            service_fits(name, object(&objects, "Service", name));
        }
    }
}

fn deployment_fits(name: &str, deployment: &Value) {
    let service = Service::named(name);
    let prefix = name.to_uppercase();
    assert_eq!(deployment["spec"]["replicas"], Value::Null, "the autoscaler's business");
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);

    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let variables = variables(name, container);
    service.accepts(&variables);
    let grace = Duration::from_secs(pod["terminationGracePeriodSeconds"].as_u64().unwrap());
    assert!(grace > service.end(&variables), "{name} is not killed while it drains");
    assert_eq!(container["lifecycle"], Value::Null, "the drain needs no shell");

    let main = service.port(&format!("{prefix}_BIND"));
    let admin = service.port(&format!("{prefix}_ADMIN_BIND"));
    let ports: Vec<_> =
        container["ports"].as_array().unwrap().iter().map(|port| &port["containerPort"]).collect();
    assert_eq!(ports, [main, admin]);
    assert_eq!(container["ports"][1]["name"], "admin");
    for (probe, path) in [
        ("startupProbe", service::admin::READY),
        ("readinessProbe", service::admin::READY),
        ("livenessProbe", service::admin::LIVE),
    ] {
        assert_eq!(container[probe]["httpGet"]["path"], path, "{probe} of {name}");
        assert_eq!(container[probe]["httpGet"]["port"], "admin", "{probe} of {name}");
    }

    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert!(container["resources"]["requests"]["cpu"].is_string(), "what the autoscaler counts in");
    let spread = pod["topologySpreadConstraints"].as_array().unwrap();
    assert!(spread.iter().all(|constraint| constraint["whenUnsatisfiable"] == "ScheduleAnyway"));

    // Every file that a variable names lies in a volume, and every folder that is written to is one.
    let mounts: Vec<_> = container["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["mountPath"].as_str().unwrap())
        .collect();
    for (variable, value) in &variables {
        if value.starts_with('/') {
            assert!(
                mounts.iter().any(|mount| value.starts_with(mount)),
                "{variable}={value} is in no volume"
            );
        }
    }
    if name != "recommendations" {
        assert_eq!(variables["RECOMMENDATIONS_HOST"], "recommendations", "the headless Service");
    }
    if name == "marketplace" {
        let url = format!("http://functions:{}", Service::named("functions").port("FUNCTIONS_BIND"));
        assert_eq!(variables["FUNCTIONS_URL"], url, "the Service");
    }
    if name == "functions" {
        let number = |variable: &str| {
            variables
                .get(variable)
                .cloned()
                .unwrap_or_else(|| service.default(variable))
                .parse::<usize>()
                .unwrap()
        };
        let calls = number("FUNCTIONS_WORKERS") * number("FUNCTIONS_THREADS");
        let limit = container["resources"]["limits"]["memory"].as_str().unwrap();
        let limit = limit.strip_suffix("Gi").unwrap().parse::<usize>().unwrap() << 30;
        assert!(calls * functions::limits::Limits::default().guest.memory < limit, "guests fit into the pod");
    }
}

fn service_fits(name: &str, service: &Value) {
    let port = Service::named(name).port(&format!("{}_BIND", name.to_uppercase()));
    assert_eq!(service["spec"]["ports"][0]["port"], port);
    let headless = service["spec"]["clusterIP"] == "None";
    let balanced = service["spec"]["type"] == "LoadBalancer";
    assert_eq!((headless, balanced), (name == "recommendations", name == "marketplace"));
    let traffic = &service["spec"]["externalTrafficPolicy"];
    assert_eq!(traffic == "Local", balanced, "readers' own addresses arrive, by which attempts are counted");
}

#[test]
fn production_scales_within_bounds_and_talks_over_mutual_tls() {
    if !testing::have(&["kubectl"]) {
        return;
    }
    let objects = overlay("production");
    for name in SERVICES {
        let scaler = object(&objects, "HorizontalPodAutoscaler", name);
        assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], *name);
        let least = scaler["spec"]["minReplicas"].as_u64().unwrap();
        let budget = object(&objects, "PodDisruptionBudget", name);
        assert!(
            budget["spec"]["maxUnavailable"].as_u64().unwrap() < least,
            "a drained node leaves a replica"
        );
        object(&objects, "NetworkPolicy", name);
        let container = &object(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0];
        let variables = variables(name, container);
        for certificate in ["CERT", "KEY", "CA"] {
            assert!(variables.contains_key(&format!("{}_TLS_{certificate}", name.to_uppercase())), "{name}");
        }
    }
    // Readers come from their own addresses: nobody is believed about theirs.
    let container =
        &object(&objects, "Deployment", "marketplace")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(variables("marketplace", container)["MARKETPLACE_TRUSTED_PROXIES"], "");
    // Whoever calls shows the token that is asked for, and replicas agree on who a reader is.
    let env = |name: &str, variable: &str| {
        let container = &object(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0];
        let all = container["env"].as_array().unwrap();
        let found = all.iter().find(|env| env["name"] == variable);
        found.unwrap_or_else(|| panic!("{name} has no {variable}"))["valueFrom"]["secretKeyRef"].clone()
    };
    for caller in ["marketplace", "functions"] {
        assert_eq!(env("recommendations", "SHELFWISE_TOKEN"), env(caller, "SHELFWISE_TOKEN"));
    }
    // Replicas of functions share what they keep, and their modules.
    let places = |name: &str| {
        let container = &object(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0];
        (env(name, "DATABASE_URL"), container["envFrom"].clone())
    };
    assert_eq!(places("functions"), places("recommendations"));
    assert!(env("marketplace", "MARKETPLACE_COOKIE_KEY").is_object(), "from a Secret");
    // Nothing is allowed that a rule does not allow.
    let nothing = &object(&objects, "NetworkPolicy", "nothing")["spec"];
    assert_eq!(nothing["podSelector"], serde_json::json!({}));
    assert_eq!(nothing["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    // Rules name ports as containers do.
    for ((kind, name), policy) in &objects {
        let rules = ["ingress", "egress"].iter().filter_map(|way| policy["spec"][way].as_array()).flatten();
        let ports = rules
            .filter_map(|rule| rule["ports"].as_array())
            .flatten()
            .filter_map(|port| port["port"].as_str());
        for port in ports.filter(|_| kind == "NetworkPolicy") {
            assert!(["grpc", "http", "admin"].contains(&port), "{name}: {port}");
        }
    }
}

#[test]
fn production_trains_in_a_job_of_its_own_what_its_replicas_serve() {
    if !testing::have(&["kubectl"]) {
        return;
    }
    let objects = overlay("production");
    let spec = |kind: &str, name: &str| object(&objects, kind, name)["spec"].clone();
    let serving = spec("Deployment", "recommendations")["template"]["spec"]["containers"][0].clone();
    let served = variables("recommendations", &serving);
    assert_eq!(served["RECOMMENDATIONS_TRAIN"], "false", "a serving pod's limits are for serving");

    let cron = spec("CronJob", "training");
    let schedule = cron["schedule"].as_str().unwrap();
    let mut settings = BTreeMap::from([("RECOMMENDATIONS_TRAIN_SCHEDULE".to_owned(), schedule.to_owned())]);
    assert_eq!(cron["timeZone"], "Etc/UTC", "as the setting reads it");
    assert_eq!(cron["concurrencyPolicy"], "Forbid", "one at a time");

    let pod = &cron["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let image = container["image"].as_str().unwrap();
    assert!(image.starts_with("shelfwise/suite:"), "the one image with the operator's commands: {image}");
    let own = own_variables(container);
    for place in ["DATABASE_URL", "OBJECTS_URL"] {
        assert_eq!(own[place], served[place], "trained there, served here");
    }
    settings.extend(own.clone());
    Service::named("training").accepts(&settings);
    // The command takes these arguments: a word more, and it would say so before it asks for the database.
    let arguments = container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_shelfwise"));
    let help = output(command.args(arguments).arg("--help"));
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("--here") && help.contains("--force"), "{help}");

    let limits = &container["resources"]["limits"];
    let threads: u64 = own["RECOMMENDATIONS_TRAIN_THREADS"].parse().unwrap();
    assert_eq!(limits["cpu"].as_str().unwrap(), threads.to_string(), "as many threads as may run");
    assert!(limits["memory"].is_string(), "a training that takes more ends, and nothing else does");
    assert_eq!(pod["restartPolicy"], "Never", "the job counts the attempts");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(
        pod["securityContext"],
        spec("Deployment", "recommendations")["template"]["spec"]["securityContext"]
    );
    assert_eq!(container["securityContext"], serving["securityContext"]);
    // Where the image says that data lies, and where temporary files do.
    let data = self::image("suite").variables["SHELFWISE_DATA"].clone();
    let mounts: Vec<_> =
        container["volumeMounts"].as_array().unwrap().iter().map(|mount| &mount["mountPath"]).collect();
    assert_eq!(mounts, [data.as_str(), "/tmp"]);
    // Both reach the database and the object store, and nobody reaches the training.
    let policy = spec("NetworkPolicy", "training");
    let labels = &cron["jobTemplate"]["spec"]["template"]["metadata"]["labels"];
    let name = "app.kubernetes.io/name";
    assert_eq!(policy["podSelector"]["matchLabels"][name], labels[name]);
    assert_eq!(policy["egress"], spec("NetworkPolicy", "recommendations")["egress"]);
    assert_eq!(policy["ingress"], Value::Null);
}

#[test]
fn a_sidecar_beside_each_service_is_told_what_the_code_says() {
    if !testing::have(&["kubectl"]) {
        return;
    }
    let objects = overlay("dapr");
    let access = &object(&objects, "Role", "shelfwise-secrets")["rules"][0];
    let seen = &object(&objects, "Configuration", "shelfwise")["spec"]["secrets"]["scopes"][0];
    assert_eq!(seen["defaultAccess"], "deny");
    for name in SERVICES {
        let service = Service::named(name);
        let template = &object(&objects, "Deployment", name)["spec"]["template"];
        let told = &template["metadata"]["annotations"];
        let port = service.port(&format!("{}_BIND", name.to_uppercase()));
        let protocol = if name == "recommendations" { "grpc" } else { "http" };
        assert_eq!(told["dapr.io/app-id"], name);
        assert_eq!(told["dapr.io/app-port"], port.to_string());
        assert_eq!(told["dapr.io/app-protocol"], protocol);
        assert_eq!(template["spec"]["serviceAccountName"], "shelfwise");

        let variables = variables(name, &template["spec"]["containers"][0]);
        service.accepts(&variables);
        let store =
            variables["SHELFWISE_SECRETS"].strip_prefix("http://127.0.0.1:3500/v1.0/secrets/").unwrap();
        assert_eq!(seen["storeName"], store);
        let scopes = object(&objects, "Component", store)["scopes"].as_array().unwrap();
        assert!(scopes.iter().any(|app| app == name), "{name} may read {store}");
        for (variable, value) in &variables {
            let Some(place) = value.strip_prefix("secret:") else { continue };
            let (secret, key) = place.split_once('/').unwrap();
            assert!(service.setting(variable).is_hide_env_values_set(), "{variable} is a secret");
            assert_eq!(key, variable, "a Secret's keys are the variables' names");
            for allowed in [&access["resourceNames"], &seen["allowedSecrets"]] {
                assert!(allowed.as_array().unwrap().iter().any(|name| name == secret), "{secret}");
            }
        }
        // Through a sidecar all calls come from this machine: only a token tells them apart.
        assert!(variables["SHELFWISE_TOKEN"].starts_with("secret:"), "{name}");
        if name != "recommendations" {
            assert_eq!(variables["RECOMMENDATIONS_HOST"], "127.0.0.1:50001", "the sidecar's gRPC port");
            assert_eq!(variables["RECOMMENDATIONS_APP_ID"], "recommendations");
        }
        if name == "marketplace" {
            let invoked = "http://127.0.0.1:3500/v1.0/invoke/functions/method";
            assert_eq!(variables["FUNCTIONS_URL"], invoked, "the sidecar's HTTP port");
        }
    }
}

#[test]
fn overlays_are_valid_by_the_schemas_of_today() {
    if !testing::have(&["kubectl", "kubernetes-validate"]) {
        return;
    }
    for name in ["local", "production", "dapr"] {
        let folder = workspace().join("deploy/kubernetes/overlays").join(name);
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        let built =
            output(Command::new("kubectl").arg("kustomize").arg(folder).stdout(file.reopen().unwrap()));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let checked = output(Command::new("kubernetes-validate").arg("--strict").arg(file.path()));
        let said = String::from_utf8_lossy(&checked.stderr) + String::from_utf8_lossy(&checked.stdout);
        // Dapr's own kinds are none of Kubernetes'.
        let warned = said.lines().any(|line| line.contains("WARN") && !line.contains("api version dapr.io/"));
        assert!(checked.status.success() && !warned, "{said}");
    }
}
