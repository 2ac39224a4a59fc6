//! The name in a client's certificate. The handshake has checked that it is genuine.

use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

/// How the identities of a mesh begin (SPIFFE, SPIFFE-ID 2).
const SPIFFE: &str = "spiffe://";

/// The SPIFFE identity of a certificate in DER, else its first other name, else its subject.
pub fn name(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let uri = |name: &GeneralName| match name {
        GeneralName::URI(uri) if uri.starts_with(SPIFFE) => Some((*uri).to_owned()),
        _ => None,
    };
    let other = |name: &GeneralName| match name {
        GeneralName::URI(name) | GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => {
            Some((*name).to_owned())
        }
        _ => None,
    };
    let subject = || Some(certificate.subject().to_string()).filter(|subject| !subject.is_empty());
    names
        .iter()
        .find_map(uri)
        .or_else(|| names.iter().find_map(other))
        .or_else(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.distinguished_name.push(DnType::CommonName, "desk");
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_spiffe_identity_comes_before_other_names_and_they_before_the_subject() {
        let dns = SanType::DnsName("desk.test".try_into().unwrap());
        let spiffe = SanType::URI("spiffe://mesh/news/desk".try_into().unwrap());
        let both = certificate(vec![dns.clone(), spiffe]);
        assert_eq!(name(&both).as_deref(), Some("spiffe://mesh/news/desk"));
        assert_eq!(name(&certificate(vec![dns])).as_deref(), Some("desk.test"));
        let subject = name(&certificate(Vec::new())).unwrap();
        assert!(subject.contains("CN=desk"), "{subject}");
        assert_eq!(name(b"not a certificate"), None);
    }
}
