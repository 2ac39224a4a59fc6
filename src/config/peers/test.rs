use super::*;

fn peers(text: &str) -> TrustedPeers {
    text.parse().unwrap()
}

fn at(address: &str) -> Option<IpAddr> {
    Some(address.parse().unwrap())
}

#[test]
fn peers_are_trusted_by_name_address_and_network_and_nobody_is_by_default() {
    let these = peers("spiffe://mesh/gateway, token/edge,address/10.1.0.0/16,address/::1");
    for (name, address, trusted) in [
        ("spiffe://mesh/gateway", None, true),
        ("spiffe://mesh/gateway/other", None, false),
        ("token/edge", at("192.0.2.1"), true),
        ("token/desk", at("10.1.255.255"), true),
        ("token/desk", at("::ffff:10.1.0.1"), true),
        ("token/desk", at("10.2.0.0"), false),
        ("token/desk", at("::1"), true),
        ("token/desk", at("::2"), false),
        ("address/10.1.0.1", None, false),
    ] {
        assert_eq!(
            these.include([name], address),
            trusted,
            "{name} {address:?}"
        );
    }
    assert!(!TrustedPeers::default().include(["token/edge"], at("127.0.0.1")));
    assert!(peers("all").include([], None));
    assert!(peers("address/0.0.0.0/0").include([], at("192.0.2.1")));
    assert!(!peers("address/0.0.0.0/0").include([], at("2001:db8::1")));
}

#[test]
fn a_list_is_written_as_it_is_read() {
    for text in ["none", "all", "token/a,address/10.0.0.0/8,address/::1/128"] {
        assert_eq!(peers(text).to_string(), text);
    }
}

#[test]
fn what_is_no_peer_is_named() {
    for text in [
        "",
        "token/a,",
        "token/a,all",
        "address/10.0.0",
        "address/10.0.0.0/33",
        "address/::/x",
    ] {
        let error = text.parse::<TrustedPeers>().unwrap_err().to_string();
        assert!(error.contains("is no peer"), "{text}: {error}");
    }
}
