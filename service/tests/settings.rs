//! What an operator reads when a setting is wrong.

use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use service::config::{self, LogSettings, ShutdownSettings, duration, positive_duration};

#[derive(Parser, Debug)]
struct Config {
    #[arg(long, default_value = "127.0.0.1:1")]
    bind: SocketAddr,
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    #[command(flatten)]
    shutdown: ShutdownSettings,
    #[command(flatten)]
    log: LogSettings,
}

#[test]
fn every_setting_has_a_variable_and_a_default_in_the_help() {
    let help = config::command::<Config>("SHOP").render_long_help().to_string();
    for expected in [
        "[env: SHOP_BIND=",
        "[default: 127.0.0.1:1]",
        "[env: SHOP_SHUTDOWN_GRACE=",
        "[default: 10s]",
        "[env: DATABASE_URL",
        "[env: SHELFWISE_LOG=",
    ] {
        assert!(help.contains(expected), "{expected} in\n{help}");
    }
}

#[test]
fn a_bad_value_is_one_line_that_names_the_setting_and_the_value() {
    let command = config::command::<Config>("SHOP");
    let explain = |arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(Into::into).collect();
        let error = command.clone().try_get_matches_from(arguments.clone()).unwrap_err();
        config::explain(&error, &command, &arguments).to_string()
    };
    for (arguments, expected) in [
        (["shop", "--bind", "here"], ["--bind", "\"here\""]),
        (["shop", "--shutdown-grace=soon", ""], ["--shutdown-grace", "300ms"]),
        (["shop", "--log-format", "xml"], ["--log-format", "json"]),
        (["shop", "--nonsense", "1"], ["--nonsense", ""]),
    ] {
        let line = explain(&arguments);
        assert!(expected.iter().all(|part| line.contains(part)) && !line.contains('\n'), "{line}");
    }
}

#[test]
fn durations_need_a_unit() {
    assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
    assert!(positive_duration("0s").is_err() && positive_duration("1ms").is_ok());
    assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
    for bad in ["", "5", "s", "-1s", "1.5s", "1d", "99999999999999999999h", "9999999999h"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}
