//! How a server is known by its certificate, and what is said where it is not (feature `tls`).

use super::security::{Own, Roots, Security};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

pub(super) type Connector = MakeRustlsConnect;

/// What makes connections of TLS that are as secure as this. It is asked only where the client wants TLS.
pub(super) fn connector(
    security: Security,
    own: Option<&Own>,
    direct: bool,
) -> Result<Connector, String> {
    // This one, whatever other parts of the program have chosen for themselves.
    let provider = ring::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS: {error}"))?;
    let lenient = |roots| Arc::new(Lenient { roots, algorithms });
    let builder = match security {
        Security::Verified(roots) => builder.with_root_certificates(trusted(&roots)?),
        Security::Known(roots) => builder
            .dangerous()
            .with_custom_certificate_verifier(lenient(Some(trusted(&roots)?))),
        Security::Plain | Security::Preferred | Security::Encrypted => builder
            .dangerous()
            .with_custom_certificate_verifier(lenient(None)),
    };
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = (certificates("sslcert", &own.chain)?, private_key(&own.key)?);
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| format!("sslcert: {error}"))?
        }
    };
    if direct {
        // A server that is not asked first needs the name of the protocol.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

/// The certificates of the authorities.
fn trusted(roots: &Roots) -> Result<RootCertStore, String> {
    let mut trusted = RootCertStore::empty();
    match roots {
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            trusted.add_parsable_certificates(found.certs);
        }
        Roots::File(file) => {
            trusted.add_parsable_certificates(certificates("sslrootcert", file)?);
        }
    }
    match roots {
        _ if !trusted.is_empty() => Ok(trusted),
        Roots::System => Err(
            "this system has no certificates of authorities: install them, or name a file by sslrootcert"
                .to_owned(),
        ),
        Roots::File(file) => Err(no_certificate("sslrootcert", file)),
    }
}

fn no_certificate(setting: &str, file: &Path) -> String {
    format!("{setting}: there is no certificate in {}", file.display())
}

/// What the file of a setting has.
fn read(setting: &str, file: &Path) -> Result<Vec<u8>, String> {
    let read = std::fs::read(file);
    read.map_err(|error| format!("{setting}: {} cannot be read: {error}", file.display()))
}

/// The certificates of a file: one at least.
fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = read(setting, file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read).collect();
    match all {
        Ok(none) if none.is_empty() => Err(no_certificate(setting, file)),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("{setting}: {} is no PEM: {error}", file.display())),
    }
}

/// The client's key. As with libpq, others cannot read it, or it is root's and a group can.
fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let key = read("sslkey", file)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let others = std::fs::metadata(file).map_or(0, |file| match file.uid() {
            0 => file.mode() & 0o037,
            _ => file.mode() & 0o077,
        });
        if others != 0 {
            let file = file.display();
            return Err(format!(
                "sslkey: others can read or change {file}: chmod 600 mends it"
            ));
        }
    }
    PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
        let file = file.display();
        format!("sslkey: there is no private key in {file} (one with a password cannot be read)")
    })
}

/// Takes a certificate for any host: of these authorities, or of anybody.
///
/// Whoever shows it must have its key, always. Otherwise `channel_binding=require` would take a copy of the server's
/// certificate for the server.
#[derive(Debug)]
struct Lenient {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(shown)?,
                roots,
                between,
                now,
                self.algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, shown, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, shown, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What an error says, if it is about a certificate.
pub(super) fn words(source: &(dyn std::error::Error + 'static)) -> Option<String> {
    let inside = source.downcast_ref::<io::Error>()?.get_ref()?;
    let error = match inside.downcast_ref::<Error>()? {
        Error::InvalidCertificate(error) => error,
        Error::AlertReceived(alert) => return refused(*alert),
        _ => return None,
    };
    let wrong = match error {
        CertificateError::UnknownIssuer => {
            "is of an unknown authority: sslrootcert names a file of those to trust".to_owned()
        }
        CertificateError::BadSignature => {
            "has a wrong signature: it is of another authority with this name, or not the server's"
                .to_owned()
        }
        CertificateError::NotValidForName => "is for another host".to_owned(),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let expected = expected.to_str();
            match presented.as_slice() {
                [] => format!("is not for the host {expected}: it names none"),
                names => format!("is not for the host {expected}, but for {}", listed(names)),
            }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet".to_owned()
        }
        other => match other.to_string() {
            words if words.contains("CaUsedAsEndEntity") => {
                "is an authority's own: the server needs one that an authority signed".to_owned()
            }
            words if words.contains("UnsupportedCertVersion") => {
                "is of an old form: the server needs one of X.509 version 3".to_owned()
            }
            words => format!("is not accepted: {words}"),
        },
    };
    Some(format!("the server's certificate {wrong}"))
}

/// What the server says of the client's certificate, if that is what it is about.
fn refused(alert: AlertDescription) -> Option<String> {
    use AlertDescription as Alert;
    let wrong = match alert {
        Alert::UnknownCA => "it is of an unknown authority",
        Alert::CertificateExpired => "it has expired",
        Alert::CertificateRevoked => "it was revoked",
        Alert::CertificateRequired => "it wants one (sslcert, sslkey)",
        Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown => {
            "it finds it wrong"
        }
        _ => return None,
    };
    Some(format!(
        "the server does not take the client's certificate: {wrong}"
    ))
}

/// The first names of a certificate, without their kinds: `DnsName("db.example")`.
fn listed(names: &[String]) -> String {
    let plain = |name: &String| {
        let (_, inside) = name.split_once('(').unwrap_or(("", name));
        inside.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let mut listed: Vec<String> = names.iter().take(3).map(plain).collect();
    if names.len() > listed.len() {
        listed.push(format!("{} others", names.len() - listed.len()));
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::{Address, Duration};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::version::{TLS12, TLS13};
    use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
    use segstock_remote::servers::Authority;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    /// A copy of a server's certificate is not the server: `channel_binding=require` rests on that.
    #[tokio::test]
    async fn who_shows_a_certificate_must_have_its_key() {
        let authority = Authority::new("ours");
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots");
        std::fs::write(&roots, authority.root()).unwrap();
        for version in [&TLS12, &TLS13] {
            for settings in [
                "sslmode=require".to_owned(),
                format!("sslmode=verify-ca sslrootcert={}", roots.display()),
                format!("sslmode=verify-full sslrootcert={}", roots.display()),
            ] {
                let port = imposter(&authority, version);
                let url =
                    format!("host=localhost hostaddr=127.0.0.1 port={port} user=me {settings}");
                let address = Address::new(&url).unwrap();
                let refused = address
                    .connect(Duration::from_secs(60))
                    .await
                    .map(drop)
                    .unwrap_err();
                let said = crate::session::words(&refused);
                assert!(said.contains("has a wrong signature"), "{settings}: {said}");
            }
        }
    }

    /// The port of who shows a certificate of others.
    fn imposter(authority: &Authority, version: &'static SupportedProtocolVersion) -> u16 {
        let [theirs, own] = [(); 2].map(|()| authority.certifies(&["localhost"]));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = CertificateDer::from_pem_slice(theirs.chain.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let shown = SingleCertAndKey::from(CertifiedKey::new(vec![chain], key));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // It is asked for TLS, and says yes.
            stream.read_exact(&mut [0; 8]).unwrap();
            stream.write_all(b"S").unwrap();
            let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
            _ = connection.complete_io(&mut stream);
        });
        port
    }
}
