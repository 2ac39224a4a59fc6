//! Spans, and their export over OTLP.
//!
//! A request's span begins with it; what happened inside is told when it has ended, with the times
//! that were noted on the way: the models run on threads that know nothing of requests. The
//! OpenTelemetry API is used without the bridge from `tracing`, whose spans cannot be given times
//! and whose events, which may quote errors, would go out with them.

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use opentelemetry::{
    Context, KeyValue,
    global::{self, BoxedTracer},
    trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

/// Either of them switches the export on, as OpenTelemetry has it. The others of OpenTelemetry
/// (`OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`) are honoured, too.
pub const ENDPOINT_VARIABLES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// What is not sent by then is lost: a collector that is down must not hold up the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// What OpenTelemetry calls the code that makes the spans.
const SCOPE: &str = "depeche";

#[derive(Debug, thiserror::Error)]
#[error(
    "cannot export traces to {endpoint} (setting `otlp_endpoint`), such as http://127.0.0.1:4317: {source}"
)]
pub struct ExporterError {
    endpoint: String,
    source: opentelemetry_otlp::ExporterBuildError,
}

/// Sends spans in the background.
pub struct Exporter(Option<SdkTracerProvider>);

impl Exporter {
    /// To an OTLP collector over gRPC; without an endpoint, nowhere. Needs the async runtime.
    pub fn start(endpoint: Option<&str>) -> Result<Self, ExporterError> {
        let standard = || {
            ENDPOINT_VARIABLES
                .iter()
                .find_map(|name| env::var(name).ok())
        };
        let endpoint = endpoint.map(str::to_owned).or_else(standard);
        let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) else {
            return Ok(Exporter(None));
        };
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&endpoint)
            .build()
            .map_err(|source| ExporterError {
                endpoint: endpoint.clone(),
                source,
            })?;
        // Names in the environment win.
        let name = env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| SCOPE.to_owned());
        let resource = Resource::builder()
            .with_service_name(name)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        global::set_tracer_provider(provider.clone());
        tracing::info!(endpoint, "traces are exported");
        Ok(Exporter(Some(provider)))
    }

    /// Sends what is left.
    pub async fn finish(self) {
        let Some(provider) = self.0 else { return };
        let flush = move || provider.shutdown_with_timeout(FLUSH_TIMEOUT);
        match tokio::task::spawn_blocking(flush).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(error) => tracing::warn!(%error, "the last traces were not sent"),
        }
    }
}

/// Makes spans, which go nowhere unless an [`Exporter`] was started before.
pub struct Tracer(BoxedTracer);

impl Tracer {
    pub fn new() -> Self {
        Tracer(global::tracer(SCOPE))
    }

    /// The span of a request that arrived just now.
    pub fn begin(&self, service: &str, method: &str, parent: Option<&SpanContext>) -> RequestSpan {
        let attributes = [
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", service.to_owned()),
            KeyValue::new("rpc.method", method.to_owned()),
        ];
        let builder = SpanBuilder::from_name(format!("{service}/{method}"))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes);
        let parent = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(parent.clone())
        });
        RequestSpan {
            began: (Instant::now(), SystemTime::now()),
            context: parent.with_span(self.0.build_with_context(builder, &parent)),
        }
    }

    /// Ends a request's span, with what happened inside.
    pub fn end(&self, request: &RequestSpan, ended: Ended, steps: &[Step]) {
        let span = request.context.span();
        for step in steps {
            self.tell(request, &request.context, step);
        }
        for (name, value) in ended.names {
            span.set_attribute(KeyValue::new(name, value));
        }
        for (name, value) in ended.attributes {
            span.set_attribute(KeyValue::new(name, value));
        }
        span.set_attribute(KeyValue::new("rpc.grpc.status_code", i64::from(ended.code)));
        if let Some(fault) = ended.fault {
            span.set_status(Status::error(fault));
        }
        span.end();
    }

    fn tell(&self, request: &RequestSpan, parent: &Context, step: &Step) {
        let attributes = step.attributes.iter();
        let builder = SpanBuilder::from_name(step.name)
            .with_start_time(request.at(step.start))
            .with_attributes(
                attributes
                    .map(|(name, value)| KeyValue::new(*name, *value))
                    .collect::<Vec<_>>(),
            );
        let mut span = self.0.build_with_context(builder, parent);
        if step.inside.is_empty() {
            return span.end_with_timestamp(request.at(step.end));
        }
        let context = parent.with_span(span);
        for step in &step.inside {
            self.tell(request, &context, step);
        }
        context.span().end_with_timestamp(request.at(step.end));
    }
}

impl Default for Tracer {
    fn default() -> Self {
        Tracer::new()
    }
}

/// A request's span, under way.
pub struct RequestSpan {
    began: (Instant, SystemTime),
    context: Context,
}

impl RequestSpan {
    /// Of a request that is not traced.
    pub fn none() -> Self {
        RequestSpan {
            began: (Instant::now(), SystemTime::now()),
            context: Context::new(),
        }
    }

    /// Whether anybody will see it.
    pub fn is_recorded(&self) -> bool {
        self.context.span().is_recording()
    }

    /// Its ids; its caller's where nothing is exported, invalid where there is no trace.
    pub fn ids(&self) -> SpanContext {
        self.context.span().span_context().clone()
    }

    /// What the clock on the wall said. Steps do not begin before their request.
    fn at(&self, moment: Instant) -> SystemTime {
        let (instant, time) = self.began;
        time + moment.saturating_duration_since(instant)
    }
}

/// How a request ended.
pub struct Ended {
    /// Of gRPC.
    pub code: i32,
    /// The code's name where it is the server's failure.
    pub fault: Option<&'static str>,
    /// Texts among its attributes.
    pub names: Vec<(&'static str, Arc<str>)>,
    /// Numbers.
    pub attributes: Vec<(&'static str, i64)>,
}

/// Something inside a request that took time.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub name: &'static str,
    pub start: Instant,
    pub end: Instant,
    pub attributes: Vec<(&'static str, i64)>,
    pub inside: Vec<Step>,
}
