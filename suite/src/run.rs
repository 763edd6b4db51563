use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use marketplace::CookieKey;
use protobufs::hosts::Hosts;
use service::{
    Failure,
    config::{self, LogSettings, TlsSettings},
    telemetry,
};
use tokio::{net::TcpListener, sync::watch};

use crate::token;

/// How the suite runs.
#[derive(Args, Debug)]
pub(crate) struct Settings {
    /// Keep nothing: everything is gone when the process ends, and DATABASE_URL and OBJECTS_URL are not used
    #[arg(long)]
    pub(crate) ephemeral: bool,
    #[command(flatten)]
    log: LogSettings,
}

/// Starts every service in this process and waits for the signal to end.
pub(crate) fn run(settings: Settings, data: Option<PathBuf>) -> Result<(), Failure> {
    let mut recommendations: recommendations::Config = config::from_env(recommendations::PREFIX)?;
    let mut marketplace: marketplace::Config = config::from_env(marketplace::PREFIX)?;
    let mut functions = functions::Config::from_env()?;
    let kept = place(settings.ephemeral, data, &mut recommendations, &mut functions)?;
    functions.samples.get_or_insert(true);
    let deploying = deploying(&mut functions)?;
    if marketplace.cookie_key.is_none() {
        marketplace.cookie_key = Some(cookie_key(recommendations.data.as_deref())?);
    }
    let _log = telemetry::init(&settings.log)?;

    service::block_on(async {
        // All ports first: what cannot start at all says so before anything has begun.
        let grpc = service::bind("RECOMMENDATIONS_BIND", recommendations.bind)?;
        let grpc_admin = service::bind("RECOMMENDATIONS_ADMIN_BIND", recommendations.admin_bind)?;
        let pages = service::bind("MARKETPLACE_BIND", marketplace.bind)?;
        let pages_admin = service::bind("MARKETPLACE_ADMIN_BIND", marketplace.admin_bind)?;
        let guests = service::bind("FUNCTIONS_BIND", functions.bind)?;
        let guests_admin = service::bind("FUNCTIONS_ADMIN_BIND", functions.admin_bind)?;
        let places = Places {
            grpc: address(&grpc)?,
            grpc_admin: address(&grpc_admin)?,
            pages: address(&pages)?,
            pages_admin: address(&pages_admin)?,
            guests: address(&guests)?,
            guests_admin: address(&guests_admin)?,
        };
        // In one process they find each other without being told.
        if std::env::var_os("RECOMMENDATIONS_HOST").is_none() {
            let here: Hosts =
                local(places.grpc).to_string().parse().expect("an address is a host and a port");
            marketplace.recommendations_host = here.clone();
            if !functions.makes("recommendations_host") {
                functions.recommendations_host = here;
            }
        }
        if std::env::var_os("FUNCTIONS_URL").is_none() {
            let here = format!("http://{}", local(places.guests));
            marketplace.functions_url = here.parse().expect("an address is a host and a port");
        }
        let greeting = places.greeting(&recommendations, &marketplace, &kept, &deploying);

        let signals = service::signals()?;
        let stop = watch::Sender::new(false);
        let stopped = || {
            let mut stop = stop.subscribe();
            async move {
                if stop.wait_for(|stop| *stop).await.is_err() {
                    // The sender is gone: a start has failed, and the process ends without a farewell.
                    std::future::pending().await
                }
            }
        };
        // All that can fail comes before the first word about what listens.
        let pages = marketplace::start(marketplace, pages, pages_admin, stopped())?;
        let guests = functions::start(functions, guests, guests_admin, stopped()).await?;
        let services = async {
            let calls = recommendations::start(recommendations, grpc, grpc_admin, stopped()).await?;
            if !*stop.borrow() {
                // Who does not read it has the suite all the same.
                let _ = writeln!(io::stdout(), "{greeting}");
            }
            // Whoever ends first takes the others along.
            let calls = async {
                calls.await;
                stop.send_replace(true);
            };
            let pages = async {
                pages.await;
                stop.send_replace(true);
            };
            let guests = async {
                guests.await;
                stop.send_replace(true);
            };
            tokio::join!(calls, pages, guests);
            Ok(())
        };
        let watch = async {
            signals.await;
            stop.send_replace(true);
            std::future::pending().await
        };
        tokio::select! {
            ended = services => ended,
            never = watch => never,
        }
    })
}

/// Prints the help of every service.
pub(crate) fn show_settings() -> Result<(), Failure> {
    let services = [
        config::command::<recommendations::Config>(recommendations::PREFIX),
        config::command::<marketplace::Config>(marketplace::PREFIX),
        config::command::<functions::Config>(functions::PREFIX),
    ];
    for mut service in services {
        say!("{}", service.render_long_help());
    }
    Ok(())
}

/// Decides where data goes, and says it in words.
fn place(
    ephemeral: bool,
    data: Option<PathBuf>,
    recommendations: &mut recommendations::Config,
    functions: &mut functions::Config,
) -> Result<String, Failure> {
    let words = if ephemeral {
        recommendations.data = None;
        recommendations.database_url = Some("sqlite::memory:".to_owned());
        // A bucket outlives the process, too.
        recommendations.training.objects_url = None;
        functions.objects_url = None;
        "nowhere: gone at the end".to_owned()
    } else {
        let folder = service::data_folder(data)?;
        let words = match recommendations.database_url {
            Some(_) => format!("{} and DATABASE_URL", folder.display()),
            None => folder.display().to_string(),
        };
        recommendations.data = Some(folder);
        words
    };
    functions.data.clone_from(&recommendations.data);
    functions.database_url.clone_from(&recommendations.database_url);
    Ok(words)
}

/// What signs readers' cookies: kept in the data folder, so that readers are known after a restart. Where nothing is kept
/// there is nobody to know again.
fn cookie_key(folder: Option<&Path>) -> Result<CookieKey, Failure> {
    let Some(folder) = folder else { return Ok(CookieKey::random()) };
    let file = folder.join("cookie.key");
    CookieKey::kept(&file).map_err(|error| Failure::io(format!("cookie key {}: {error}", file.display())))
}

/// Has functions deployed by whoever shows the token of the data folder where there is no other, and says it in words.
fn deploying(functions: &mut functions::Config) -> Result<String, Failure> {
    if functions.token.token.is_some() {
        return Ok("with SHELFWISE_TOKEN".to_owned());
    }
    let Some(folder) = &functions.data else {
        return Ok("by nobody, for want of SHELFWISE_TOKEN".to_owned());
    };
    functions.deploy_token = Some(token::made(folder)?);
    Ok(format!("with the token in {}", token::place(folder).display()))
}

/// Where everything listens.
struct Places {
    grpc: SocketAddr,
    grpc_admin: SocketAddr,
    pages: SocketAddr,
    pages_admin: SocketAddr,
    guests: SocketAddr,
    guests_admin: SocketAddr,
}

impl Places {
    fn greeting(
        &self,
        recommendations: &recommendations::Config,
        marketplace: &marketplace::Config,
        kept: &str,
        deploying: &str,
    ) -> String {
        let Self { grpc, grpc_admin, pages, pages_admin, guests, guests_admin } = self;
        let security = security(&recommendations.tls, &marketplace.tls);
        let scheme = if marketplace.https { "https" } else { "http" };
        let call = r#"{"user_id": 1, "category": "MYSTERY", "max_results": 3}"#;
        format!(
            "Shelfwise {version}\n\
             \n  recommendations  {grpc} (gRPC), {grpc_admin} (probes, metrics)\
             \n  marketplace      {pages} (pages), {pages_admin} (probes, metrics)\
             \n  functions        {guests} (HTTP), {guests_admin} (probes, metrics); deployed {deploying}\
             \n  data             {kept}\n\
             \nTry it:  grpcurl {security} -d '{call}' {address} Recommendations/Recommend\
             \nOpen:    {scheme}://{storefront}/\n",
            version = env!("CARGO_PKG_VERSION"),
            address = local(*grpc),
            storefront = local(*pages),
        )
    }
}

/// grpcurl's words for how to connect; the storefront's certificate is one that the server takes.
fn security(server: &TlsSettings, client: &TlsSettings) -> String {
    if server.tls_cert.is_none() {
        return "-plaintext".to_owned();
    }
    let flags = [("-cacert", &client.tls_ca), ("-cert", &client.tls_cert), ("-key", &client.tls_key)];
    let given =
        flags.into_iter().filter_map(|(flag, file)| Some(format!("{flag} {}", file.as_ref()?.display())));
    given.collect::<Vec<_>>().join(" ")
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::io(format!("a port was lost: {error}")))
}

/// An address that this machine can call: an unspecified one stands for all of its own.
fn local(address: SocketAddr) -> SocketAddr {
    let ip = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    (ip, address.port()).into()
}
