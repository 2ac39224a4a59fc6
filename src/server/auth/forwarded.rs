//! What a proxy that ends mTLS says of its client's certificate: Envoy's and Istio's header
//! `x-forwarded-client-cert`, an element a proxy with commas between them, of pairs `Key=value` with
//! semicolons between them. Values may be quoted.

pub const HEADER: &str = "x-forwarded-client-cert";

/// The SPIFFE identity in the last element, which is the one that the nearest proxy has checked.
pub fn spiffe(value: &str) -> Option<&str> {
    let element = split(value, ',').last()?;
    split(element, ';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        let value = value.trim_matches('"');
        (key.eq_ignore_ascii_case("uri") && value.starts_with("spiffe://")).then_some(value)
    })
}

/// The parts between the signs that are not quoted. Within quotes a backslash takes the next sign's
/// meaning.
fn split(text: &str, sign: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let escapes = quoted && !escaped && c == '\\';
        quoted ^= !escaped && c == '"';
        escaped = escapes;
        !quoted && c == sign
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_proxys_word_counts() {
        for (value, name) in [
            (
                "By=spiffe://mesh/us;Hash=ab;Subject=\"\";URI=spiffe://mesh/desk",
                Some("spiffe://mesh/desk"),
            ),
            (
                "URI=spiffe://mesh/forged,By=spiffe://mesh/us;URI=spiffe://mesh/gateway",
                Some("spiffe://mesh/gateway"),
            ),
            (
                "URI=spiffe://mesh/a;Subject=\"CN=x,URI=spiffe://mesh/forged\"",
                Some("spiffe://mesh/a"),
            ),
            (
                r#"Subject="CN=\",URI=spiffe://mesh/forged";URI=spiffe://mesh/a"#,
                Some("spiffe://mesh/a"),
            ),
            ("URI=spiffe://mesh/a,Hash=ab", None),
            ("URI=https://desk.test", None),
            ("", None),
        ] {
            assert_eq!(spiffe(value), name, "{value}");
        }
    }
}
