//! A running server, as the operator's commands reach it.

use clap::Args;
use hyper_util::rt::TokioIo;
use marketplace::client::{Host, Hosts};
use protobufs::models::models_service_client::ModelsServiceClient;
use service::{
    Failure, Protocol, config,
    tls::{self, ClientTls},
    token::{Token, VARIABLE},
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

/// Which server a command asks, and what it shows there. Certificates are the storefront's (`MARKETPLACE_TLS_…`).
#[derive(Args, Debug)]
pub(crate) struct Remote {
    /// Where recommendations answers: host or host:port; of several with commas the first that does
    #[arg(
        long,
        global = true,
        env = "RECOMMENDATIONS_HOST",
        value_name = "HOSTS",
        default_value = "localhost"
    )]
    host: Hosts,
    /// The server's token; without one, a server on this machine is asked
    #[arg(long, global = true, env = VARIABLE, value_name = "TEXT", hide_env_values = true)]
    token: Option<Token>,
}

/// Shows the token with each call.
#[derive(Clone)]
pub(crate) struct Shown(Option<MetadataValue<Ascii>>);

/// Asks about models and jobs.
pub(crate) type Models = ModelsServiceClient<InterceptedService<Channel, Shown>>;

impl Interceptor for Shown {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl Remote {
    /// Connects, and asks about models and jobs from then on.
    pub(crate) async fn models(&self) -> Result<Models, Failure> {
        Ok(ModelsServiceClient::with_interceptor(self.connect().await?, self.shown()))
    }

    /// What is shown with each call.
    pub(crate) fn shown(&self) -> Shown {
        Shown(self.token.as_ref().map(|token| {
            let mut value: MetadataValue<Ascii> =
                format!("Bearer {}", token.secret()).parse().expect("a token is visible ASCII");
            value.set_sensitive(true);
            value
        }))
    }

    /// Connects to the first host that answers.
    pub(crate) async fn connect(&self) -> Result<Channel, Failure> {
        let storefront: marketplace::Config = config::from_env(marketplace::PREFIX)?;
        let tls = ClientTls::load(marketplace::PREFIX, &storefront.tls)?;
        let mut failure = None;
        for host in self.host.iter() {
            match connect(host, tls.clone()).await {
                Ok(channel) => return Ok(channel),
                Err(error) => failure = Some(format!("{host}: {}", service::chain(&error))),
            }
        }
        Err(Failure::io(format!("RECOMMENDATIONS_HOST: {}", failure.unwrap_or_else(|| "no host".to_owned()))))
    }
}

async fn connect(host: &Host, own: Option<ClientTls>) -> Result<Channel, tonic::transport::Error> {
    let (name, port) = (host.name().to_owned(), host.port());
    let connector = tower::service_fn(move |_| {
        let (name, own) = (name.clone(), own.clone());
        async move { tls::connect(&name, port, own.as_ref(), Protocol::Http2).await.map(TokioIo::new) }
    });
    // The connector knows where to go; the URL only has to be one.
    Endpoint::from_static("http://recommendations").connect_with_connector(connector).await
}

/// What a server's refusal means for whoever gave the command.
pub(crate) fn refused(status: Status) -> Failure {
    let message = match status.code() {
        Code::Unavailable if status.message().is_empty() => "recommendations does not answer".to_owned(),
        _ => status.message().to_owned(),
    };
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::Unauthenticated => Failure::usage(message),
        _ => Failure::io(message),
    }
}
