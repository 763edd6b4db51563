use crate::document::{Table, Wrong};

/// Settings that gunicorn documents (as of 25.3) and that mean nothing here, each with the reason. They are refused, since whoever
/// sets one expects something of it.
pub(super) const REFUSED: &[(&[&str], &str)] = &[
    (&["config"], "a file does not name itself; use --config or FUNCTIONS_CONFIG"),
    (
        &["wsgi_app", "paste", "raw_paste_global_conf", "pythonpath"],
        "functions are WebAssembly modules: objects_url says where they lie",
    ),
    (
        &["worker_class"],
        "there is one kind of worker: each call runs in a sandbox of its own on threads that all share",
    ),
    (&["max_requests_jitter"], "instances are made anew one at a time, so there is nothing to spread"),
    (
        &["daemon"],
        "the process stays in the foreground; let systemd, a container or a shell keep it in the background",
    ),
    (
        &["user", "group", "umask", "initgroups", "chdir"],
        "the process keeps what it is started with; the systemd unit in deploy/ sets it",
    ),
    (
        &["reload", "reload_engine", "reload_extra_files"],
        "new modules are always noticed (see poll), and SIGHUP reads this file again",
    ),
    (&["preload_app"], "modules are always compiled before they are called"),
    (&["check_config", "print_config"], "run `functions check-config FILE`"),
    (&["spew"], "there is no Python to trace; loglevel = \"debug\" says more"),
    (&["raw_env"], "functions see no environment but that of their manifests: [grants] environment"),
    (
        &["worker_tmp_dir", "tmp_upload_dir"],
        "nothing is kept in temporary files: requests stay in memory, within limits.body",
    ),
    (&["sendfile"], "answers come from memory"),
    (&["reuse_port"], "two processes on one port would share calls by chance; use one, or a load balancer"),
    (&["proc_name", "default_proc_name"], "the process is called functions"),
    (
        &["access_log_format"],
        "the access log has Apache's combined format, with the time taken in microseconds and the request's id at the end",
    ),
    (
        &["logger_class", "logconfig", "logconfig_dict", "logconfig_json"],
        "the log is set by errorlog, accesslog, loglevel and log_format",
    ),
    (
        &["syslog", "syslog_addr", "syslog_prefix", "syslog_facility", "disable_redirect_access_to_syslog"],
        "write to - and let systemd or the container pass it on",
    ),
    (
        &["capture_output", "enable_stdio_inheritance"],
        "what functions write to stderr is always in the log, with the request's id",
    ),
    (
        &["statsd_host", "statsd_prefix", "dogstatsd_tags", "enable_backlog_metric"],
        "metrics are for Prometheus, at /metrics on admin_bind",
    ),
    (&["keyfile"], "called tls_key here, with https = true"),
    (&["certfile"], "called tls_cert here, with https = true"),
    (&["ca_certs"], "clients show no certificate; tls_ca is the authority of recommendations"),
    (
        &[
            "ssl_version",
            "ciphers",
            "cert_reqs",
            "suppress_ragged_eofs",
            "do_handshake_on_connect",
            "ssl_context",
        ],
        "TLS 1.2 and 1.3 are spoken with rustls's ciphers, and clients show no certificate",
    ),
    (
        &[
            "forwarded_allow_ips",
            "secure_scheme_headers",
            "forwarder_headers",
            "proxy_protocol",
            "proxy_allow_ips",
        ],
        "no header or preface is believed: the access log has the address that connects",
    ),
    (
        &[
            "strip_header_spaces",
            "permit_obsolete_folding",
            "permit_unconventional_http_method",
            "permit_unconventional_http_version",
            "casefold_http_method",
            "header_map",
            "http_parser",
        ],
        "requests are read as RFC 9112 has them, and nothing else is taken",
    ),
    (
        &[
            "http_protocols",
            "http2_max_concurrent_streams",
            "http2_initial_window_size",
            "http2_max_frame_size",
            "http2_max_header_list_size",
            "protocol",
            "uwsgi_allow_ips",
            "root_path",
            "asgi_loop",
            "asgi_lifespan",
            "asgi_disconnect_grace_period",
        ],
        "HTTP/1.1 and HTTP/2 are always spoken, and neither uWSGI nor ASGI",
    ),
    (
        &["control_socket", "control_socket_mode", "control_socket_disable"],
        "there is no control socket: see GET /functions, /metrics on admin_bind, and SIGHUP",
    ),
    (
        &["dirty_apps", "dirty_workers", "dirty_timeout", "dirty_threads", "dirty_graceful_timeout"],
        "long work runs as a task: call the function with `Prefer: respond-async`",
    ),
    (
        &[
            "on_starting",
            "on_reload",
            "when_ready",
            "pre_fork",
            "post_fork",
            "post_worker_init",
            "worker_int",
            "worker_abort",
            "pre_exec",
            "pre_request",
            "post_request",
            "child_exit",
            "worker_exit",
            "nworkers_changed",
            "on_exit",
            "on_dirty_starting",
            "dirty_post_fork",
            "dirty_worker_init",
            "dirty_worker_exit",
        ],
        "there are no hooks: nothing of a file runs in this process",
    ),
];

/// Refuses a file that has one of them.
pub(super) fn refuse(table: &Table<'_>) -> Result<(), Wrong> {
    for (names, why) in REFUSED {
        if let Some(name) = names.iter().find(|name| table.has(name)) {
            return Err(table.wrong(name, format_args!("not a setting here: {why}")));
        }
    }
    Ok(())
}
