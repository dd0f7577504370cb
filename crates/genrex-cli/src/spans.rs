//! Spans for OpenTelemetry, by OTLP over HTTP. They go where `OTEL_EXPORTER_OTLP_ENDPOINT` says, and nowhere without it.

use std::sync::OnceLock;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

const NAME: &str = "genrex";

/// Where they go: for all that is exported, or for spans alone. The exporter reads them itself.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// What exports the spans of operations and requests, if an endpoint is set that can be used.
pub(crate) fn layer<S>() -> Option<impl Layer<S>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !ENDPOINTS.into_iter().any(is_set) {
        return None;
    }
    // The exporter's client asks for it, and it may be installed once.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .build()
        .ok()?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(NAME).build())
        .build();
    let provider = PROVIDER.get_or_init(|| provider);
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer(NAME));
    Some(spans.with_filter(EnvFilter::new("genrex=info")))
}

/// Sends what has not been sent. A collector that is away is not waited for long.
pub(crate) fn end() {
    if let Some(provider) = PROVIDER.get() {
        // What it could not take is lost, and no purchase with it.
        let _ = provider.shutdown_with_timeout(std::time::Duration::from_secs(2));
    }
}
