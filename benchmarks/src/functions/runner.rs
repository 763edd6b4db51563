//! The other ways to run a function: in the server itself, and in a process for each call.

use std::{env, net::SocketAddr, path::PathBuf, process::Stdio, sync::Arc};

use axum::{Router, body::Bytes, extract::Query, routing::get};
use host::{Call, Engine, EngineSettings, Function, Grants, Limits, NoShop};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, process::Command};

use crate::failure::Failure;

/// An axum server that does what the function `hello` does, without a guest.
pub(crate) async fn native(address: SocketAddr) -> Result<(), Failure> {
    let hello = async |Query(input): Query<Map<String, Value>>| {
        // As the guest does it: the input as JSON, and the answer too.
        let data = Value::Object(input).to_string();
        let input: Value = serde_json::from_str(&data).unwrap_or_default();
        let greeting = format!("Hello, {}!", input["name"].as_str().unwrap_or("world"));
        ([(header::CONTENT_TYPE, "application/json")], json!({ "greeting": greeting }).to_string())
    };
    serve(address, Router::new().route("/hello", get(hello))).await
}

/// An axum server that starts a process for each call, which loads the module itself.
pub(crate) async fn processes(address: SocketAddr, module: PathBuf) -> Result<(), Failure> {
    let own = env::current_exe().map_err(Failure::file("find this program"))?;
    let hello = async move |Query(input): Query<Map<String, Value>>| {
        let run = Command::new(&own)
            .arg("run-module")
            .arg(&module)
            .env("DATA", Value::Object(input).to_string())
            .stdin(Stdio::null())
            .output()
            .await;
        match run {
            Ok(output) if output.status.success() => (StatusCode::OK, Bytes::from(output.stdout)),
            _ => (StatusCode::BAD_GATEWAY, Bytes::new()),
        }
    };
    serve(address, Router::new().route("/hello", get(hello))).await
}

async fn serve(address: SocketAddr, app: Router) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await.map_err(Failure::file(format!("listen on {address}")))?;
    axum::serve(listener, app).await.map_err(Failure::file("serve functions"))
}

/// Runs one module once: `DATA` and stdout are the process's own.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct RunModule {
    module: PathBuf,
}

impl RunModule {
    /// In this process.
    pub(crate) async fn here(&self) -> Result<(), Failure> {
        let wasm = std::fs::read(&self.module).map_err(Failure::file("read the module"))?;
        let engine = Engine::new(&EngineSettings { guests: 1, cache: None });
        let engine = engine.map_err(Failure::work("start the runtime"))?;
        let function = Function::compile(&engine, "hello", &wasm, Limits::default(), Grants::default());
        let function = function.map_err(Failure::work("compile the module"))?;
        let ended = function.call(call(env::var("DATA").ok(), Bytes::new())).await;
        let answer = ended.result.map_err(Failure::work("call the function"))?;
        print!("{}", String::from_utf8_lossy(&answer.body));
        Ok(())
    }
}

/// A call for nobody in particular.
pub(super) fn call(data: Option<String>, payload: Bytes) -> Call {
    Call { data, payload, request: None, shop: Arc::new(NoShop), time: None, lines: None }
}
