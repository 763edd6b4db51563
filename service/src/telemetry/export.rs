//! Spans over OTLP, where `OTEL_EXPORTER_OTLP_ENDPOINT` (or its `_TRACES_` variant) is set. Nothing otherwise.

mod reported;
mod variables;

use std::{env, sync::Arc, time::SystemTime};

use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _},
};

use self::reported::Reported;
use crate::{Failure, trace::TraceContext};

/// The variables of OpenTelemetry's that count here, for help texts.
pub const VARIABLES: &str = "\
Traces go to an OpenTelemetry collector where one is set:
  OTEL_EXPORTER_OTLP_ENDPOINT  http://HOST:4317 or https://…, gRPC [default: none, nothing is exported]
  OTEL_EXPORTER_OTLP_HEADERS   NAME=VALUE,NAME=VALUE [default: none]
  OTEL_EXPORTER_OTLP_TIMEOUT   milliseconds [default: 10000]
  OTEL_EXPORTER_OTLP_COMPRESSION
                               none or gzip [default: none]
  OTEL_EXPORTER_OTLP_TRACES_…  each of them for traces alone; counts before the one above
  OTEL_TRACES_SAMPLER          always_on, always_off, traceidratio [default: always_on]
  OTEL_TRACES_SAMPLER_ARG      share of traces for traceidratio [default: 1]
  OTEL_SERVICE_NAME            [default: shelfwise-SERVICE]
  OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_MAX_QUEUE_SIZE
  OTEL_SDK_DISABLED            true switches it off [default: false]";

/// Sends finished spans to a collector, in the background. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Exporter {
    processor: Option<Arc<BatchSpanProcessor>>,
    ratio: f64,
}

/// A finished piece of work.
#[derive(Debug)]
pub struct Span<'a> {
    /// Its place in the trace.
    pub context: &'a TraceContext,
    /// Whether this process answered or asked.
    pub kind: SpanKind,
    /// What was done; few different names.
    pub name: &'a str,
    /// When it began.
    pub start: SystemTime,
    /// The outcome: a gRPC code or an HTTP status.
    pub code: &'a str,
    /// Whether the outcome is this process' fault.
    pub failed: bool,
}

impl Exporter {
    /// Configured by OpenTelemetry's standard variables: endpoint, headers, time-out, sampler, service name, batches.
    ///
    /// # Errors
    ///
    /// If a variable cannot be used.
    pub fn from_env(service: &str) -> Result<Self, Failure> {
        let endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
        if endpoints.into_iter().all(|name| value(name).is_none()) || disabled() {
            return Ok(Self::default());
        }
        variables::check()?;
        let ratio = ratio()?;
        let exporter = SpanExporter::builder()
            .with_tonic()
            .build()
            .map_err(|error| Failure::usage(format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}")))?;
        let name = value("OTEL_SERVICE_NAME").unwrap_or_else(|| format!("shelfwise-{service}"));
        let mut processor = BatchSpanProcessor::builder(Reported::new(exporter)).build();
        processor.set_resource(&Resource::builder().with_service_name(name).build());
        Ok(Self { processor: Some(Arc::new(processor)), ratio })
    }

    /// The share of traces begun here that is exported: 0 without a collector.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.ratio
    }

    /// Queues a span that has just ended. Dropped if the queue is full.
    pub fn export(&self, span: &Span<'_>) {
        let Some(processor) = &self.processor else { return };
        if !span.context.sampled() {
            return;
        }
        let trace = TraceId::from(span.context.trace_id());
        let id = SpanId::from(span.context.span_id());
        processor.on_end(SpanData {
            span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: span.context.parent_id().map_or(SpanId::INVALID, SpanId::from),
            parent_span_is_remote: span.context.parent_id().is_some() && span.kind == SpanKind::Server,
            span_kind: span.kind.clone(),
            name: span.name.to_owned().into(),
            start_time: span.start,
            end_time: SystemTime::now(),
            attributes: vec![KeyValue::new("shelfwise.code", span.code.to_owned())],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if span.failed { Status::error(span.code.to_owned()) } else { Status::Unset },
            instrumentation_scope: InstrumentationScope::builder("shelfwise").build(),
        });
    }

    /// Sends what is queued. Blocks, at most for the exporter's time-out.
    pub fn flush(&self) {
        let Some(processor) = &self.processor else { return };
        if let Err(error) = processor.force_flush() {
            tracing::warn!(%error, "the last spans were not exported");
        }
    }
}

/// A variable, unless it is empty: then it is as if it were not set.
fn value(name: &str) -> Option<String> {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

/// OpenTelemetry has anything but `true` mean false, and be warned of unless it is `false`.
fn disabled() -> bool {
    let Some(value) = value("OTEL_SDK_DISABLED") else { return false };
    let disabled = value.eq_ignore_ascii_case("true");
    if !disabled && !value.eq_ignore_ascii_case("false") {
        tracing::warn!(OTEL_SDK_DISABLED = value, "neither true nor false: taken for false");
    }
    disabled
}

/// `OTEL_TRACES_SAMPLER` and its argument; the parent's decision is always kept.
fn ratio() -> Result<f64, Failure> {
    let sampler = value("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "always_on".to_owned());
    match sampler.strip_prefix("parentbased_").unwrap_or(&sampler) {
        "always_on" => Ok(1.0),
        "always_off" => Ok(0.0),
        "traceidratio" => {
            let text = value("OTEL_TRACES_SAMPLER_ARG").unwrap_or_else(|| "1".to_owned());
            let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.ok_or_else(|| Failure::usage(format!("OTEL_TRACES_SAMPLER_ARG: {text:?}: expected 0 to 1")))
        }
        _ => Err(Failure::usage(format!("OTEL_TRACES_SAMPLER: {sampler:?}: not a sampler known here"))),
    }
}
