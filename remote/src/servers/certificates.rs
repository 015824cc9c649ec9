//! [`Authority`]: certificates of a test's own (feature `certificates`).

use super::Certificate;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use std::fmt;

/// An authority, which nobody else knows.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// An authority of this name, with a key of its own.
    ///
    /// # Panics
    ///
    /// If the system has no randomness.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, key());
        Self(issuer.expect("its parameters are right"))
    }

    /// Its own certificate in PEM: the file of a client that trusts this authority.
    #[must_use]
    pub fn root(&self) -> String {
        self.0.pem()
    }

    /// A certificate of a server with these names and addresses.
    ///
    /// # Panics
    ///
    /// If a name is none.
    #[must_use]
    pub fn certifies(&self, hosts: &[&str]) -> Certificate {
        self.signs(parameters(hosts))
    }

    /// As [`certifies`](Self::certifies), but it expired years ago.
    ///
    /// # Panics
    ///
    /// If a name is none.
    #[must_use]
    pub fn expired(&self, hosts: &[&str]) -> Certificate {
        let mut parameters = parameters(hosts);
        parameters.not_after = date_time_ymd(2020, 1, 1);
        self.signs(parameters)
    }

    fn signs(&self, parameters: CertificateParams) -> Certificate {
        let key = key();
        let signed = parameters.signed_by(&key, &self.0);
        Certificate {
            chain: signed.expect("its parameters are right").pem(),
            key: key.serialize_pem(),
        }
    }

    /// The authority's own certificate, shown by a server.
    #[must_use]
    pub fn shown_by_server(&self) -> Certificate {
        Certificate {
            chain: self.root(),
            key: self.0.key().serialize_pem(),
        }
    }
}

fn parameters(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    CertificateParams::new(hosts).expect("they are names")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the system has randomness")
}
