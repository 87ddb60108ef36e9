//! Names of Go's TLS library, and what they are in ours.

use rustls::crypto::ring::{ALL_CIPHER_SUITES, ALL_KX_GROUPS};
use rustls::{NamedGroup, SupportedCipherSuite, SupportedProtocolVersion, version};

/// `client_auth_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientAuth {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    RequireAndVerify,
}

const POLICIES: [(&str, ClientAuth); 7] = [
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
    // The original still takes these two.
    ("RequireClientCert", ClientAuth::RequireAny),
    ("", ClientAuth::None),
];

impl ClientAuth {
    pub(super) fn parse(name: &str) -> Option<Self> {
        POLICIES.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy)
    }

    pub(super) fn name(self) -> &'static str {
        POLICIES.iter().find(|(_, policy)| *policy == self).map_or("", |(name, _)| name)
    }

    pub(super) fn names() -> String {
        let names: Vec<_> = POLICIES.iter().take(5).map(|(name, _)| *name).collect();
        names.join(", ")
    }

    pub(super) fn is_required(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }

    pub(super) fn is_verified(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }
}

/// A TLS version as a number: 12 is TLS 1.2.
pub(super) fn version(name: &str) -> Option<u8> {
    match name {
        "TLS10" => Some(10),
        "TLS11" => Some(11),
        "TLS12" => Some(12),
        "TLS13" => Some(13),
        _ => None,
    }
}

/// The versions between two numbers that the library speaks.
pub(super) fn versions(min: u8, max: u8) -> Vec<&'static SupportedProtocolVersion> {
    [(12, &version::TLS12), (13, &version::TLS13)]
        .into_iter()
        .filter(|(number, _)| (min..=max).contains(number))
        .map(|(_, version)| version)
        .collect()
}

/// Suites of TLS 1.2 that Go has and the library has not.
const FOREIGN_SUITES: [&str; 9] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
];

/// Go's name of a suite: the library writes `TLS13_` before those of TLS 1.3.
fn suite_name(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    name.strip_prefix("TLS13_").map_or_else(|| name.to_owned(), |bare| format!("TLS_{bare}"))
}

pub(super) fn suite_names() -> Vec<String> {
    ALL_CIPHER_SUITES.iter().map(suite_name).collect()
}

pub(super) fn is_suite(name: &str) -> bool {
    ALL_CIPHER_SUITES.iter().any(|suite| suite_name(suite) == name)
}

pub(super) fn is_foreign_suite(name: &str) -> bool {
    FOREIGN_SUITES.contains(&name)
}

/// The suites to offer: in the order of the list for TLS 1.2; those of TLS 1.3 are always on, as in Go.
pub(super) fn suites(chosen: Option<&[&str]>) -> Vec<SupportedCipherSuite> {
    let Some(chosen) = chosen else { return ALL_CIPHER_SUITES.to_vec() };
    let newest = ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_some());
    let older = chosen.iter().filter_map(|name| {
        ALL_CIPHER_SUITES.iter().find(|suite| suite.tls13().is_none() && suite_name(suite) == *name)
    });
    newest.chain(older).copied().collect()
}

/// A key exchange group.
pub(super) enum Group {
    Ours(NamedGroup),
    /// Go has it and the library has not.
    Foreign,
}

/// A key exchange group by Go's name.
pub(super) fn group(name: &str) -> Option<Group> {
    let group = match name {
        "CurveP256" => NamedGroup::secp256r1,
        "CurveP384" => NamedGroup::secp384r1,
        "CurveP521" => NamedGroup::secp521r1,
        "X25519" => NamedGroup::X25519,
        "X25519MLKEM768" => NamedGroup::X25519MLKEM768,
        _ => return None,
    };
    let ours = ALL_KX_GROUPS.iter().any(|known| known.name() == group);
    Some(if ours { Group::Ours(group) } else { Group::Foreign })
}
