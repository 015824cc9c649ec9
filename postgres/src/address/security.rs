//! [`Security`]: what a URL asks of TLS.

use std::path::PathBuf;
use tokio_postgres::config::SslMode;

/// Who the server must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Security {
    /// Nobody asks it for TLS.
    Plain,
    /// Whoever answers: by TLS, if it has that.
    Preferred,
    /// Whoever answers by TLS.
    Encrypted,
    /// Whoever has a certificate of these authorities.
    Known(Roots),
    /// Whoever has a certificate of these authorities for the host that is asked.
    Verified(Roots),
}

/// The authorities that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Those that the system trusts.
    System,
    /// Those in a file.
    File(PathBuf),
}

/// The files of the client's own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    /// The certificate, and those between it and its authority.
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
}

impl Own {
    /// What `sslcert` and `sslkey` name.
    pub(super) fn of(chain: Option<&str>, key: Option<&str>) -> Result<Option<Self>, String> {
        match (chain, key) {
            (None, None) => Ok(None),
            (Some(chain), Some(key)) => Ok(Some(Self {
                chain: chain.into(),
                key: key.into(),
            })),
            _ => Err("sslcert and sslkey are said together: a certificate, and its key".to_owned()),
        }
    }
}

impl Security {
    /// What `sslmode` and `sslrootcert` say together, as libpq has it; stricter where that would verify nothing that was asked
    /// for.
    pub(super) fn of(mode: Option<&str>, roots: Option<&str>) -> Result<Self, String> {
        let roots = roots.map(|roots| match roots {
            "system" => Roots::System,
            file => Roots::File(file.into()),
        });
        match (mode, roots) {
            (Some("disable"), None) => Ok(Self::Plain),
            (None | Some("prefer"), None) => Ok(Self::Preferred),
            (Some("require"), None) => Ok(Self::Encrypted),
            (Some("require" | "verify-ca"), Some(file @ Roots::File(_))) => Ok(Self::Known(file)),
            (Some("verify-full"), roots) => Ok(Self::Verified(roots.unwrap_or(Roots::System))),
            (None, Some(Roots::System)) => Ok(Self::Verified(Roots::System)),
            (Some("verify-ca"), None) => Err("sslmode=verify-ca needs sslrootcert=FILE".to_owned()),
            (Some("require" | "verify-ca"), Some(Roots::System)) => {
                // Anybody gets a certificate of some authority, for a host of his own.
                Err("sslrootcert=system needs sslmode=verify-full".to_owned())
            }
            (None | Some("disable" | "prefer"), Some(_)) => Err(
                "sslrootcert is of use with sslmode=require, verify-ca or verify-full".to_owned(),
            ),
            (Some(_), _) => Err(
                "sslmode is one of disable, prefer, require, verify-ca and verify-full".to_owned(),
            ),
        }
    }

    /// The mode that the client library gets.
    pub(super) const fn mode(&self) -> SslMode {
        match self {
            Self::Plain => SslMode::Disable,
            Self::Preferred => SslMode::Prefer,
            Self::Encrypted | Self::Known(_) | Self::Verified(_) => SslMode::Require,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Roots, Security};

    #[test]
    fn a_certificate_is_verified_wherever_that_is_asked_for() {
        let file = || Roots::File("/ca".into());
        for (mode, roots, expected) in [
            (Some("require"), None, Security::Encrypted),
            (Some("require"), Some("/ca"), Security::Known(file())),
            (Some("verify-ca"), Some("/ca"), Security::Known(file())),
            (Some("verify-full"), Some("/ca"), Security::Verified(file())),
            (
                Some("verify-full"),
                Some("system"),
                Security::Verified(Roots::System),
            ),
            (Some("verify-full"), None, Security::Verified(Roots::System)),
            (None, Some("system"), Security::Verified(Roots::System)),
        ] {
            assert_eq!(
                Security::of(mode, roots),
                Ok(expected),
                "{mode:?} {roots:?}"
            );
        }
    }
}
