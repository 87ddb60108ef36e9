//! The alternative names of a certificate.
//!
//! A reader of its own: the TLS library gives only DNS and URI names, and the parsers of whole certificates weigh
//! more than the rest of the web configuration together.

use std::iter;
use std::net::IpAddr;

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
/// `[3]` of a certificate's body.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17.
const SUBJECT_ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// Names as the original compares them: DNS, e-mail, URI, IP. None where the certificate is odd.
pub(super) fn names(certificate: &[u8]) -> Vec<String> {
    extension(certificate).map(|names| elements(names).filter_map(name).collect()).unwrap_or_default()
}

/// The content of the one extension with names.
fn extension(certificate: &[u8]) -> Option<&[u8]> {
    let body = inside(SEQUENCE, inside(SEQUENCE, certificate)?)?;
    let (_, extensions) = elements(body).find(|(tag, _)| *tag == EXTENSIONS)?;
    let mut found = elements(inside(SEQUENCE, extensions)?).filter_map(|(_, extension)| {
        let mut parts = elements(extension);
        let identifier = parts.next()?;
        (identifier == (OBJECT_IDENTIFIER, &SUBJECT_ALTERNATIVE_NAME)).then_some(parts.last())?
    });
    let (tag, value) = found.next()?;
    (tag == OCTET_STRING && found.next().is_none()).then_some(inside(SEQUENCE, value))?
}

fn name((tag, content): (u8, &[u8])) -> Option<String> {
    match tag {
        // E-mail, DNS, URI.
        0x81 | 0x82 | 0x86 => String::from_utf8(content.to_vec()).ok(),
        0x87 => <[u8; 4]>::try_from(content)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(content).map(IpAddr::from))
            .map(|address| address.to_string())
            .ok(),
        _ => None,
    }
}

/// Content of the first element, which must be of a kind.
fn inside(tag: u8, input: &[u8]) -> Option<&[u8]> {
    element(input).filter(|(found, _, _)| *found == tag).map(|(_, content, _)| content)
}

/// Tags and contents of elements in a row.
fn elements(mut input: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    iter::from_fn(move || {
        let (tag, content, rest) = element(input)?;
        input = rest;
        Some((tag, content))
    })
}

/// Tag, content, and what follows.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = input.split_first_chunk()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..=0x7f => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f)?;
            let length = bytes
                .iter()
                .try_fold(0_usize, |sum, byte| Some(sum.checked_mul(256)? | usize::from(*byte)))?;
            (length, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn certificate(names: Vec<SanType>) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_of_every_kind() {
        let given = certificate(vec![
            SanType::DnsName("a.example".try_into().unwrap()),
            SanType::IpAddress("10.0.0.1".parse().unwrap()),
            SanType::IpAddress("::1".parse().unwrap()),
            SanType::Rfc822Name("ops@example.org".try_into().unwrap()),
            SanType::URI("spiffe://example.org/prometheus".try_into().unwrap()),
        ]);
        let expected = ["a.example", "10.0.0.1", "::1", "ops@example.org", "spiffe://example.org/prometheus"];
        assert_eq!(names(&given), expected);
        assert!(names(&certificate(Vec::new())).is_empty());
    }

    proptest! {
        #[test]
        fn odd_bytes_do_not_panic(bytes: Vec<u8>) {
            names(&bytes);
            extension(&bytes);
        }

        #[test]
        fn damaged_certificates_do_not_panic(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let mut bytes = certificate(vec![SanType::DnsName("a.example".try_into().unwrap())]);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            names(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            names(&bytes);
        }

        #[test]
        fn many_names_round_trip(given in prop::collection::vec("[a-z]{1,40}", 1..30)) {
            let sans = given.iter().map(|n| SanType::DnsName(n.as_str().try_into().unwrap())).collect();
            prop_assert_eq!(names(&certificate(sans)), given);
        }
    }
}
