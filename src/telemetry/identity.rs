//! Which request this is, and which trace it is a part of, as its headers say: `x-request-id`, W3C
//! Trace Context (`traceparent`, `tracestate`) or else B3, in one header or in several.

use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const REQUEST_ID: &str = "x-request-id";
/// W3C Trace Context, level 2: tells the client under which ids its request was traced.
const TRACE_RESPONSE: &str = "traceresponse";
/// Longer ids would be a way to write into the log.
const LONGEST_REQUEST_ID: usize = 128;

/// A request's names.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its client's or the mesh's, or one made here.
    pub request_id: String,
    /// The span that the request comes from; none if it is the first of its trace.
    pub parent: Option<SpanContext>,
}

impl Identity {
    /// From a request's headers. What cannot be read is as if it were not there.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = text(headers, REQUEST_ID).filter(|id| is_permitted(id));
        Identity {
            request_id: given.map_or_else(new_request_id, str::to_owned),
            parent: traceparent(headers)
                .or_else(|| b3(headers))
                .or_else(|| b3_in_several(headers)),
        }
    }

    /// Tells the client, too. `span` is the request's own; invalid where there is no trace.
    pub fn answer(&self, span: &SpanContext, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        if span.is_valid()
            && let Ok(trace) = HeaderValue::from_str(&format!(
                "00-{}-{}-{:02x}",
                span.trace_id(),
                span.span_id(),
                span.trace_flags()
            ))
        {
            headers.insert(TRACE_RESPONSE, trace);
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn is_permitted(id: &str) -> bool {
    (1..=LONGEST_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A random UUID.
fn new_request_id() -> String {
    let random = fastrand::u128(..);
    let version_4 = random & !(0xf << 76) | (0x4 << 76);
    let hex = format!("{:032x}", version_4 & !(0b11 << 62) | (0b10 << 62));
    let (a, b, c) = (&hex[..8], &hex[8..12], &hex[12..16]);
    format!("{a}-{b}-{c}-{}-{}", &hex[16..20], &hex[20..])
}

/// `00-<trace>-<parent>-<flags>`; of later versions what this one knows.
fn traceparent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parts = text(headers, "traceparent")?.split('-');
    let version = flags(parts.next()?)?;
    let trace = trace_id(parts.next()?).filter(|_| version != 0xff)?;
    let span = span_id(parts.next()?)?;
    let flags = flags(parts.next()?)?;
    if version == 0 && parts.next().is_some() {
        return None;
    }
    let state = text(headers, "tracestate").and_then(|state| state.parse().ok());
    remote(
        trace,
        span,
        TraceFlags::new(flags) & TraceFlags::SAMPLED,
        state.unwrap_or_default(),
    )
}

/// `b3: <trace>-<span>[-<sampled>[-<parent>]]`, or a decision alone.
fn b3(headers: &HeaderMap) -> Option<SpanContext> {
    let value = text(headers, "b3")?;
    if value == "0" {
        return Some(unwanted());
    }
    let mut parts = value.split('-');
    let (trace, span) = (b3_trace_id(parts.next()?)?, span_id(parts.next()?)?);
    remote(trace, span, sampled(parts.next()), TraceState::default())
}

/// `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled` or `x-b3-flags`.
fn b3_in_several(headers: &HeaderMap) -> Option<SpanContext> {
    let decision = match text(headers, "x-b3-flags") {
        Some("1") => Some("d"),
        _ => text(headers, "x-b3-sampled"),
    };
    let Some(trace) = text(headers, "x-b3-traceid") else {
        return decision.filter(|said| !wants(said)).map(|_| unwanted());
    };
    let span = span_id(text(headers, "x-b3-spanid")?)?;
    remote(
        b3_trace_id(trace)?,
        span,
        sampled(decision),
        TraceState::default(),
    )
}

fn remote(
    trace: TraceId,
    span: SpanId,
    flags: TraceFlags,
    state: TraceState,
) -> Option<SpanContext> {
    Some(SpanContext::new(trace, span, flags, true, state)).filter(SpanContext::is_valid)
}

/// A trace that somebody decided not to record, without saying which.
fn unwanted() -> SpanContext {
    SpanContext::new(
        TraceId::from(fastrand::u128(1..)),
        SpanId::from(fastrand::u64(1..)),
        TraceFlags::NOT_SAMPLED,
        true,
        TraceState::default(),
    )
}

/// Where nobody has decided yet, the trace is recorded.
fn sampled(decision: Option<&str>) -> TraceFlags {
    match decision.is_none_or(wants) {
        true => TraceFlags::SAMPLED,
        false => TraceFlags::NOT_SAMPLED,
    }
}

/// `d` is debug; `true` is what old clients say.
fn wants(decision: &str) -> bool {
    matches!(decision, "1" | "d" | "true")
}

fn trace_id(hex: &str) -> Option<TraceId> {
    is_hex(hex, 32)
        .then(|| TraceId::from_hex(hex).ok())
        .flatten()
}

/// B3 knows traces of 64 bits, too.
fn b3_trace_id(hex: &str) -> Option<TraceId> {
    match hex.len() {
        16 => trace_id(&format!("{hex:0>32}")),
        _ => trace_id(hex),
    }
}

fn span_id(hex: &str) -> Option<SpanId> {
    is_hex(hex, 16)
        .then(|| SpanId::from_hex(hex).ok())
        .flatten()
}

fn flags(hex: &str) -> Option<u8> {
    is_hex(hex, 2)
        .then(|| u8::from_str_radix(hex, 16).ok())
        .flatten()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    /// Trace, span and whether it is recorded.
    fn parent(pairs: &[(&'static str, &str)]) -> Option<(String, String, bool)> {
        let parent = Identity::of(&headers(pairs)).parent?;
        Some((
            parent.trace_id().to_string(),
            parent.span_id().to_string(),
            parent.is_sampled(),
        ))
    }

    #[test]
    fn every_form_of_trace_headers_is_read() {
        let w3c = format!("00-{TRACE}-{SPAN}-01");
        let w3c_unsampled = format!("00-{TRACE}-{SPAN}-00");
        let later = format!("cc-{TRACE}-{SPAN}-01-what-the-future-brings");
        let b3 = format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90");
        let b3_denied = format!("{TRACE}-{SPAN}-0");
        let b3_undecided = format!("{TRACE}-{SPAN}");
        let b3_short = format!("a3ce929d0e0e4736-{SPAN}-d");
        for (given, trace, sampled) in [
            (vec![("traceparent", w3c.as_str())], TRACE, true),
            (vec![("traceparent", &w3c_unsampled)], TRACE, false),
            (vec![("traceparent", &later)], TRACE, true),
            (vec![("b3", &b3)], TRACE, true),
            (vec![("b3", &b3_denied)], TRACE, false),
            (vec![("b3", &b3_undecided)], TRACE, true),
            (
                vec![("b3", &b3_short)],
                "0000000000000000a3ce929d0e0e4736",
                true,
            ),
            (
                vec![
                    ("x-b3-traceid", TRACE),
                    ("x-b3-spanid", SPAN),
                    ("x-b3-sampled", "0"),
                ],
                TRACE,
                false,
            ),
            (
                vec![
                    ("x-b3-traceid", TRACE),
                    ("x-b3-spanid", SPAN),
                    ("x-b3-flags", "1"),
                ],
                TRACE,
                true,
            ),
            // A mesh may send both: the standard comes first.
            (
                vec![("b3", b3_denied.as_str()), ("traceparent", &w3c)],
                TRACE,
                true,
            ),
        ] {
            let expected = Some((trace.to_owned(), SPAN.to_owned(), sampled));
            assert_eq!(parent(&given), expected, "{given:?}");
        }
    }

    #[test]
    fn what_is_no_trace_starts_a_new_one() {
        let zero = format!("00-{}-{SPAN}-01", "0".repeat(32));
        let no_span = format!("00-{TRACE}-{}-01", "0".repeat(16));
        let forbidden = format!("ff-{TRACE}-{SPAN}-01");
        let too_long = format!("00-{TRACE}-{SPAN}-01-more");
        let signed = format!("00-+{}-{SPAN}-01", &TRACE[1..]);
        for value in [&zero, &no_span, &forbidden, &too_long, &signed, "", "00-é"] {
            assert_eq!(parent(&[("traceparent", value)]), None, "{value}");
        }
        assert_eq!(parent(&[("b3", "1")]), None);
        assert_eq!(parent(&[("x-b3-traceid", TRACE)]), None);
    }

    #[test]
    fn a_decision_not_to_record_holds_without_a_trace() {
        for given in [("b3", "0"), ("x-b3-sampled", "0")] {
            assert!(!parent(&[given]).unwrap().2, "{given:?}");
        }
    }

    #[test]
    fn a_request_id_is_kept_or_made_and_told() {
        let id = |given: &str| Identity::of(&headers(&[("x-request-id", given)])).request_id;
        assert_eq!(id("2f1c/edge:7"), "2f1c/edge:7");
        for refused in ["", "two words", &"x".repeat(129)] {
            let made = id(refused);
            assert_eq!((made.len(), made.as_bytes()[14]), (36, b'4'), "{made}");
            assert_ne!(made, id(refused));
        }
        let identity = Identity::of(&headers(&[("x-request-id", "kept")]));
        let mut answer = HeaderMap::new();
        identity.answer(&SpanContext::empty_context(), &mut answer);
        assert_eq!(answer, headers(&[("x-request-id", "kept")]));
    }
}
