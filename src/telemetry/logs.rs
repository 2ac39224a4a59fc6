//! The log, on standard error, where panics go, too.

use std::{
    io::{self, IsTerminal},
    panic::PanicHookInfo,
};

use tracing_subscriber::{
    EnvFilter, Layer, filter::ParseError, filter::filter_fn, fmt, layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people, coloured on a terminal.
    Text,
    /// A JSON object a line; what belongs to a request has its ids in `span`.
    Json,
}

impl Format {
    /// Text on a terminal, JSON for whoever collects lines elsewhere.
    pub fn of_stderr() -> Self {
        match io::stderr().is_terminal() {
            true => Format::Text,
            false => Format::Json,
        }
    }
}

/// Whether texts of requests and answers may be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Shown,
    /// Events with this target have texts and are left out, whatever the filter says; of a panic's
    /// message only what comes before the first quotation is told.
    Hidden {
        target: &'static str,
    },
}

/// Writes what the filter lets through from now on.
pub fn log_to_stderr(filter: &str, format: Format, content: Content) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    let permitted = filter_fn(move |event| match content {
        Content::Shown => true,
        Content::Hidden { target } => event.target() != target,
    });
    let lines = match format {
        Format::Text => fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .boxed(),
        Format::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(io::stderr)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(permitted))
        .with(filter)
        .init();
    std::panic::set_hook(Box::new(move |panic| match content {
        Content::Shown => tracing::error!("{panic}"),
        Content::Hidden { .. } => {
            tracing::error!(at = place(panic), "panicked: {}", unquoted(message(panic)));
        }
    }));
    Ok(())
}

fn place(panic: &PanicHookInfo) -> String {
    panic
        .location()
        .map_or_else(String::new, ToString::to_string)
}

/// What `panic!` was given.
fn message<'a>(panic: &'a PanicHookInfo) -> &'a str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

/// A message up to its first quotation: a slice out of bounds, a failed comparison or an unwrapped
/// error quotes what it was working on.
fn unquoted(message: &str) -> &str {
    let end = message.find(['`', '\'', '"', '\n']);
    message[..end.unwrap_or(message.len())].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_nothing_of_the_text_that_it_was_working_on() {
        for (message, told) in [
            (
                "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of `été`",
                "byte index 1 is not a char boundary; it is inside",
            ),
            ("called `Option::unwrap()` on a `None` value", "called"),
            (
                "assertion failed\n  left: \"un secret\"",
                "assertion failed",
            ),
            (
                "index out of bounds: the len is 3",
                "index out of bounds: the len is 3",
            ),
        ] {
            assert_eq!(unquoted(message), told);
        }
    }
}
