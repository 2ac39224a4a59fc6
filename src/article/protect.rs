//! Stretches of text that name something to a machine: URLs, e-mail addresses, handles, hashtags, files, code.
//!
//! Nothing may split them, and no model may rewrite them.

use std::ops::Range;

#[cfg(test)]
mod test;

/// Top-level domains after which a bare `name.tld` is an address even without a path. None of them is a French word, as
/// `.info`, `.de` or `.est` would be where a space is missing after a full stop.
const SURE_DOMAINS: &[&str] = &[
    "com", "fr", "org", "net", "eu", "uk", "edu", "gov", "io", "vn", "ru", "tv", "ua", "cn", "jp",
    "qc",
];

/// Extensions by which a word without a space is a file name.
const FILE_EXTENSIONS: &[&str] = &[
    "pdf", "doc", "docx", "odt", "xls", "xlsx", "csv", "ppt", "pptx", "txt", "json", "xml", "html",
    "htm", "zip", "gz", "jpg", "jpeg", "png", "gif", "svg", "mp3", "mp4", "exe", "dll", "py", "rs",
    "js", "cpp", "toml", "yaml", "yml",
];

/// A longer word is no address but data, and is not searched. In bytes; browsers stop at about as much.
const LONGEST_WORD: usize = 2_048;

/// The protected stretches of a text, as byte ranges in order, without overlap.
///
/// The punctuation of the sentence around a stretch is not part of it: a final full stop, a closing guillemet, a bracket
/// that was opened before the stretch.
///
/// Recognised: `http(s)://…`, `ftp://…`, `www.…`, domains with a path (`thanhnien.vn/abc`) or a well-known ending
/// (`change.org`), e-mail addresses, `@handles`, `#hashtags`, paths (`/usr/bin`, `C:\Temp`, `./x`), file names, and code
/// (`` `x` ``, `snake_case`, `a::b`, `f()`), addresses of computers, versions and docket numbers.
pub fn protected_spans(text: &str) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c| !is_edge(c)).map(|i| at + i) {
        if let Some(span) = code_span(text, start).or_else(|| phone_span(text, start)) {
            at = span.end;
            spans.push(span);
            continue;
        }
        let end = text[start..]
            .find(is_edge)
            .map_or(text.len(), |i| start + i);
        let word = &text[start..end];
        if let Some(span) = (word.len() <= LONGEST_WORD)
            .then(|| in_word(word))
            .flatten()
        {
            at = start + span.end;
            spans.push(start + span.start..at);
        } else {
            at = end;
        }
    }
    spans
}

/// Characters that no protected stretch holds.
fn is_edge(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '<' | '>' | '"' | '«' | '»' | '“' | '”' | '„' | '…')
        || super::characters::is_invisible(c)
}

/// A stretch between backticks on one line, starting at `start`.
fn code_span(text: &str, start: usize) -> Option<Range<usize>> {
    let inner = text[start..].strip_prefix('`')?;
    let length = inner.find(['`', '\n', '\r'])?;
    (length > 0 && inner[length..].starts_with('`')).then(|| start..start + length + 2)
}

/// A telephone number in groups, starting at `start` or right after a bracket there: `06 12 34 56 78`, `+33 6 12 34 56 78`, `01.23.45.67.89`.
fn phone_span(text: &str, start: usize) -> Option<Range<usize>> {
    const GROUPS_OF_TWO: usize = 4;
    let digits = |at: usize| text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let separator = |at: usize| {
        text[at..]
            .chars()
            .next()
            .filter(|c| matches!(c, ' ' | '.' | '-' | '\u{a0}' | '\u{202f}'))
    };
    // Nor is what goes on from a number before it.
    if text[..start]
        .trim_end()
        .ends_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let start = start + usize::from(text[start..].starts_with('('));
    let mut at = start;
    if text[at..].starts_with('+') {
        let country = digits(at + 1);
        at += 1 + country;
        at += separator(at)
            .filter(|_| (1..=3).contains(&country))?
            .len_utf8();
    }
    let first = digits(at);
    at += Some(first).filter(|first| (1..=2).contains(first))?;
    for _ in 0..GROUPS_OF_TWO {
        let next = at + separator(at)?.len_utf8();
        at = Some(next + 2).filter(|_| digits(next) == 2)?;
    }
    // A fifth group makes it something else: a list of numbers.
    let more = separator(at).is_some_and(|c| digits(at + c.len_utf8()) > 0);
    (!more).then_some(start..at)
}

/// Every form below has one of these; most words have none, and are not looked at further.
const MARKS: &[u8] = b"./\\:@#_(&";

/// The first protected stretch of a word, which has no edge character.
fn in_word(word: &str) -> Option<Range<usize>> {
    if !word.bytes().any(|byte| MARKS.contains(&byte)) {
        return None;
    }
    let span = url(word)
        .or_else(|| mail(word))
        .or_else(|| tag(word))
        .or_else(|| whole(word))?;
    (!span.is_empty()).then_some(span)
}

fn url(word: &str) -> Option<Range<usize>> {
    // ASCII lower-casing keeps byte offsets.
    let lower = word.to_ascii_lowercase();
    let start = ["https://", "http://", "ftp://", "www."]
        .into_iter()
        .filter_map(|scheme| {
            let start = lower.find(scheme)?;
            let fresh = !lower[..start].ends_with(|c: char| c.is_alphanumeric());
            (fresh && lower.len() > start + scheme.len()).then_some(start)
        })
        .min()?;
    let end = start + without_punctuation(&word[start..]).len();
    Some(start..end)
}

/// `name@host.tld`, where `name` may hold dots, dashes and plus signs.
fn mail(word: &str) -> Option<Range<usize>> {
    let sign = word.find('@')?;
    let local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-');
    let name = word[..sign].trim_end_matches(local).len();
    let host = without_punctuation(&word[sign + 1..]);
    let host = &host[..host
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')))
        .unwrap_or(host.len())];
    let host = host.trim_end_matches(['.', '-']);
    let tld = host.rsplit_once('.')?.1;
    (name < sign && tld.chars().count() >= 2).then(|| name..sign + 1 + host.len())
}

/// `@handle` or `#hashtag`: a sign that no letter precedes, then letters, digits and underscores, one a letter.
fn tag(word: &str) -> Option<Range<usize>> {
    word.match_indices(['@', '#']).find_map(|(start, sign)| {
        let body = &word[start + sign.len()..];
        let length = body
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(body.len());
        let fresh = !word[..start].ends_with(|c: char| c.is_alphanumeric() || c == '&');
        (fresh && body[..length].contains(char::is_alphabetic))
            .then(|| start..start + sign.len() + length)
    })
}

/// Forms that take the whole word, less the punctuation around it.
fn whole(word: &str) -> Option<Range<usize>> {
    let lead = word.len() - word.trim_start_matches(['(', '[', '{', '\'', '‘']).len();
    // An elided article is not part of the name: l'/usr/bin, d’orange.fr
    let lead = match word[lead..]
        .char_indices()
        .find(|&(_, c)| matches!(c, '\'' | '’'))
    {
        Some((at, mark)) if at <= 2 => lead + at + mark.len_utf8(),
        _ => lead,
    };
    let body = without_punctuation(&word[lead..]);
    let found = is_path(body)
        || is_domain(body)
        || is_file(body)
        || is_code(body)
        || is_reference(body)
        || is_joined_by_ampersand(body);
    found.then(|| lead..lead + body.len())
}

/// Addresses of computers (`192.168.1.254`), versions (`2.10.3`, `v1.2`) and docket numbers (`17-19.523`), whose dots
/// are no decimal marks. Dates (`17.01.2025`) and thousands (`1.000.000`) are none of these.
fn is_reference(body: &str) -> bool {
    let (body, is_version) = match body.strip_prefix(['v', 'V']) {
        Some(rest) => (rest, true),
        None => (body, false),
    };
    if is_docket(body) {
        return true;
    }
    // A port or the length of a network's prefix.
    let (numbers, tail) = body.split_at(body.find([':', '/']).unwrap_or(body.len()));
    let is_tail =
        tail.is_empty() || tail.len() > 1 && tail[1..].bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_tail || !parts.iter().all(is_number) {
        return false;
    }
    let value = |part: &str| part.parse::<u32>().unwrap_or(u32::MAX);
    let is_address = parts.len() == 4 && parts.iter().all(|part| value(part) <= 255);
    if is_address || is_version && parts.len() == 2 {
        return true;
    }
    let in_thousands = parts[0].len() <= 3 && parts[1..].iter().all(|part| part.len() == 3);
    let is_date = parts.len() == 3
        && value(parts[0]) <= 31
        && (1..=12).contains(&value(parts[1]))
        && matches!(parts[2].len(), 2 | 4);
    tail.is_empty() && parts.len() >= 3 && !in_thousands && !is_date
}

/// `17-19.523`, as French courts number their cases; not `10-12.000`.
fn is_docket(body: &str) -> bool {
    let parts = body.split_once('-').and_then(|(year, rest)| {
        let (before, behind) = rest.split_once('.')?;
        Some([(year, 2), (before, 2), (behind, 3)])
    });
    parts.is_some_and(|parts| {
        let is_number = |(part, length): &(&str, usize)| {
            part.len() == *length && part.bytes().all(|b| b.is_ascii_digit())
        };
        parts.iter().all(is_number) && parts[2].0 != "000"
    })
}

/// `AT&T`, `R&D`: not an entity of HTML, which begins with the sign.
fn is_joined_by_ampersand(body: &str) -> bool {
    let mut parts = body.split('&');
    let is_word = |part: &str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
    body.contains('&') && parts.all(is_word)
}

fn is_path(body: &str) -> bool {
    let rooted = ["./", "../", "~/"]
        .iter()
        .any(|root| body.starts_with(root))
        && body.len() > 3;
    let unix = body.starts_with('/')
        && body[1..].contains('/')
        && body[1..].starts_with(|c: char| c.is_alphanumeric());
    let mut windows = body.chars();
    let drive = windows.next().is_some_and(|c| c.is_ascii_alphabetic());
    rooted || unix || (drive && windows.next() == Some(':') && windows.next() == Some('\\'))
}

/// `host.tld/path`, or `host.tld` with a well-known ending.
fn is_domain(body: &str) -> bool {
    let (host, path) = match body.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (body, None),
    };
    let Some((name, tld)) = host.rsplit_once('.') else {
        return false;
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
    };
    let named = name.split('.').all(label) && name.chars().any(char::is_alphabetic);
    let sure = SURE_DOMAINS.contains(&tld);
    let plausible = tld.len() >= 2 && tld.chars().all(|c| c.is_ascii_lowercase());
    named && (sure || (plausible && path.is_some_and(|path| !path.is_empty())))
}

fn is_file(body: &str) -> bool {
    body.rsplit_once('.').is_some_and(|(name, extension)| {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '\\');
        FILE_EXTENSIONS.contains(&extension) && !name.is_empty() && name.chars().all(plain)
    })
}

fn is_code(body: &str) -> bool {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    let stem = body.strip_suffix("()").unwrap_or(body);
    let call = stem.len() < body.len();
    let joined = stem.trim_matches('_').contains('_') || stem.trim_matches(':').contains("::");
    stem.len() >= 2
        && stem.chars().all(name)
        && stem.contains(|c: char| c.is_ascii_alphabetic())
        && (call || joined)
}

/// The stretch without the sentence's punctuation at its end, and without a closing bracket that it does not open.
fn without_punctuation(stretch: &str) -> &str {
    let mut kept = stretch;
    loop {
        let Some(last) = kept.chars().next_back() else {
            return kept;
        };
        let shorter = &kept[..kept.len() - last.len_utf8()];
        let loose =
            |open: char, close: char| kept.matches(close).count() > kept.matches(open).count();
        let drop = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '’' | '‘' | '*' => true,
            ')' => loose('(', ')'),
            ']' => loose('[', ']'),
            '}' => loose('{', '}'),
            _ => false,
        };
        if !drop {
            return kept;
        }
        kept = shorter;
    }
}
